"""A replica on a bucket reads only what is new: its requests are counted by the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.long_model import MODEL, TASK, Size, objects
from registry_core import CoreSettings, ModelRegistry
from registry_core.storage.contract import StorageOptions

from ..objectstore.simulated import SimulatedStore, Stored, store_in_use
from .shelf import titles

MODELS = 200
ROOT = "s3://bucket/top"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedStore]:
    with store_in_use(monkeypatch) as store:
        content = objects(Size(models=MODELS))
        store.objects.update({f"bucket/top/{key}": Stored(data, 1) for key, data in content})
        yield store


def _replica(store: SimulatedStore, kept: Path) -> ModelRegistry:
    options = StorageOptions(endpoint=store.url, region="us-east-1")
    settings = CoreSettings(root=ROOT, workers=1, catalog_dir=str(kept), catalog_refresh_s=0.0, storage=options)
    return ModelRegistry.open(settings=settings)


def _requests(store: SimulatedStore, ask: Callable[[], object]) -> int:
    before = store.requests
    ask()
    return store.requests - before


def test_a_refresh_asks_for_what_is_new_and_nothing_else(store: SimulatedStore, tmp_path: Path) -> None:
    writer, reader = _replica(store, tmp_path / "writer"), _replica(store, tmp_path / "reader")
    built = _requests(store, reader.last_event)
    assert built > MODELS
    nothing = _requests(store, reader.last_event)
    writer.tag(TASK, MODEL, "v1", "tissue", "lung")
    one = _requests(store, reader.last_event)
    again = _requests(store, reader.last_event)
    assert titles(reader, tags=("tissue:lung",)) == [f"{MODEL}@v1"]
    assert nothing == again == 1, "one list of what was announced"
    assert one <= 12
    for number in range(3):
        writer.tag(TASK, MODEL, "v1", "tissue", str(number))
    assert _requests(store, reader.last_event) <= one + 2 * 3  # a record each, and as many looked for behind them


def test_what_was_heard_is_forgotten_when_nobody_can_come_in_before_it(
    store: SimulatedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = _replica(store, tmp_path / "writer"), _replica(store, tmp_path / "reader")
    reader.last_event()
    writer.tag(TASK, MODEL, "v1", "tissue", "lung")
    reader.last_event()
    database = reader._kept_catalogue._database
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM heard").fetchone() == (1,)
    monkeypatch.setattr("registry_core.catalogue.keeping.OVERLAP_S", 0.0)
    reader.last_event()
    reader.last_event()
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM heard").fetchone() == (0,)

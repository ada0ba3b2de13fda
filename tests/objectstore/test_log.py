"""The log on an object store: replicas publish without a leader, make one chain, and show the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry_core import CoreSettings, LogBehind, ModelRegistry
from registry_core.evidence import publishing
from registry_core.storage.contract import StorageOptions

from ..support.packages import write_package
from .simulated import SimulatedStore, Stored, store_in_use

MODELS = 12
ORIGIN = "models.lab.example"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedStore]:
    with store_in_use(monkeypatch) as store:
        yield store


def replica(store: SimulatedStore, area: Path, name: str) -> ModelRegistry:
    """Another host: with the key, and what it signed last itself."""
    settings = CoreSettings(
        root="s3://bucket/top",
        log_key=str(area / "log.pem"),
        log_state=str(area / f"{name}.last"),
        catalog_dir=str(area / f"{name}.catalogue"),
        storage=StorageOptions(endpoint=store.url, region="us-east-1"),
    )
    return ModelRegistry.open(settings=settings)


@pytest.fixture
def replicas(store: SimulatedStore, tmp_path: Path) -> list[ModelRegistry]:
    found = [replica(store, tmp_path, name) for name in ("one", "other")]
    package = write_package(tmp_path / "package")
    for number in range(MODELS):
        found[number % 2].register("t", f"m{number:02}", "1", package)
    found[0].log_init(ORIGIN)
    return found


def requested(store: SimulatedStore, call: Callable[[], object]) -> int:
    before = store.requests
    call()
    return store.requests - before


def signed(area: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(area.glob("*.last"))}


def test_a_note_is_the_same_bytes_whoever_makes_it(
    replicas: list[ModelRegistry], store: SimulatedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = replicas
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(publishing, "_show", cut_off)
        one.log_publish()
    assert "bucket/top/log/checkpoint" not in store.objects
    published = other.log_publish()
    assert (published.events, published.size) == (0, MODELS + 1)
    note = store.objects.pop("bucket/top/log/checkpoint").data
    assert one.log_publish().to_dict() == published.to_dict()
    assert store.objects["bucket/top/log/checkpoint"].data == note == (published.note or "").encode()
    assert signed(tmp_path) == {"one.last": note, "other.last": note}
    other.promote("t", "m00", "production", "1")
    assert one.log_publish().events == 1
    assert other.prove_log(note, [one.log_vkey()]).models == MODELS


def cut_off(*_: object) -> None:
    raise KeyboardInterrupt


def test_replicas_that_publish_at_once_make_one_chain(replicas: list[ModelRegistry], tmp_path: Path) -> None:
    def work(number: int) -> int:
        events = 0
        for turn in range(4):
            replicas[number].promote("t", f"m{number + 2 * turn:02}", "production", "1")
            events += replicas[number].log_publish().events
        return events

    old, vkey = (replicas[0].log_publish().note or "").encode(), replicas[0].log_vkey()
    with ThreadPoolExecutor(2) as pool:
        events = sum(pool.map(work, range(2)))
    last = [registry.log_publish() for registry in replicas]
    assert last[0].to_dict() == last[1].to_dict()
    assert (last[0].events, last[0].size) == (0, MODELS + 1 + 8 + events), "the last tree's own line is in no tree yet"
    assert len(set(signed(tmp_path).values())) == 1
    assert replicas[1].prove_log(old, [vkey]).size == last[0].size
    assert replicas[0].check().findings == []


def test_an_older_copy_of_the_bucket_is_not_signed(
    replicas: list[ModelRegistry], store: SimulatedStore, tmp_path: Path
) -> None:
    replicas[0].log_publish()
    copy = dict(store.objects)
    replicas[0].promote("t", "m00", "production", "1")
    replicas[0].log_publish()
    store.objects.clear()
    store.objects.update(copy)
    for name in ("one", "fresh"):
        registry = replica(store, tmp_path, name)
        if name == "one":
            with pytest.raises(LogBehind):
                registry.log_publish()
        else:  # whoever has signed nothing yet cannot tell, and signs again what was signed
            assert registry.log_publish().events == 0


def unannounce(store: SimulatedStore) -> None:
    """Nobody hears of what was changed: it is long ago, or its writer died before it announced that."""
    for key in [key for key in store.objects if "/.catalog/feed/" in key]:
        del store.objects[key]


def test_a_replica_that_keeps_the_log_asks_for_what_was_announced(
    replicas: list[ModelRegistry], store: SimulatedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def events() -> int:
        kept = one.keep_log()
        assert kept is not None
        return kept.events

    one, other = replicas
    assert requested(store, one.keep_log) > MODELS, "the first time all of them are asked"
    unannounce(store)
    assert requested(store, one.keep_log) <= 8
    other.promote("t", "m00", "production", "1")
    before = store.requests
    assert events() == 1
    assert store.requests - before <= 30
    for name in ("..+..", "+", "t+%00", "t+%ED%A0%80", "t+" + "m" * 900, "t+none", "t"):
        store.objects[f"bucket/top/.catalog/feed/2999-01-01T00:00:00.000000Z+{name}"] = Stored(b"", 1)
    assert events() == 0
    other.promote("t", "m01", "production", "1")
    unannounce(store)
    assert events() == 0
    monkeypatch.setattr("registry_core.catalogue.keeping.FULL_REFRESH_S", 0.0)
    assert events() == 1
    assert one.log_publish().events == 0


def test_one_process_of_a_host_keeps_the_log(
    replicas: list[ModelRegistry], store: SimulatedStore, tmp_path: Path
) -> None:
    beside = replica(store, tmp_path, "one")
    assert replicas[0].keep_log() is not None
    assert requested(store, beside.keep_log) == 0
    assert beside.keep_log() is None
    assert replicas[1].keep_log() is not None, "another host does so too"

"""I15 on an object store: what a verb asks of the store is the same, however long the past of the model is.

Requests are counted where they leave for the store, of a process that knows nothing of the model yet: it finds the end
of the journal by bisection, two reads for each doubling.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from registry_core import CoreSettings, ModelRegistry, VersionNotFound
from registry_core.format.layout import is_package
from registry_core.storage.contract import StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

from ..support.bucket import count_requests
from ..support.packages import write_files

TASK, MODEL = "t", "m"
SHORT, LONG = 24, 320
LISTINGS = {"begin upload": 2}  # of sessions that have expired too
ANNOUNCED = {"path": "model.pt", "sha256": hashlib.sha256(b"5").hexdigest(), "size_bytes": 1}


def opened(store: MemoryStore) -> ModelRegistry:
    """The registry as another replica has it."""
    url = "s3://registries/root"
    storage = ObjectStorage(url, StorageOptions(), is_package, store=store)
    return ModelRegistry.open(settings=CoreSettings(root=url, workers=1), storage=storage)


@pytest.fixture(scope="module", params=[SHORT, LONG])
def past(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, MemoryStore, Path]:
    """``production`` named 1 and then 2, long ago; both were registered with a key."""
    store, top = MemoryStore(), tmp_path_factory.mktemp("store")
    registry = opened(store)
    for version in ("1", "2"):
        source = write_files(top / version, {"model.pt": version.encode()})
        registry.register(TASK, MODEL, version, source, set_alias=None, idempotency_key=f"key-{version}")
        registry.promote(TASK, MODEL, "production", version)
    for number in range(request.param - 4):
        registry.promote(TASK, MODEL, "staging", str(number % 2 + 1))
    for version in ("3", "4"):
        write_files(top / version, {"model.pt": version.encode()})
    return request.param, store, top


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    return count_requests(monkeypatch)


def _roll_a_new_one_back(registry: ModelRegistry, _: Path) -> None:
    """It was nowhere else; then it was removed, and made anew."""
    registry.promote(TASK, MODEL, "new", "1")
    with pytest.raises(VersionNotFound):
        registry.rollback(TASK, MODEL, "new")
    registry.unalias(TASK, MODEL, "new")
    registry.promote(TASK, MODEL, "new", "2")
    assert registry.rollback(TASK, MODEL, "new").version == "1"


VERBS: dict[str, Callable[[ModelRegistry, Path], object]] = {
    "resolve": lambda registry, _: registry.resolve(TASK, f"{MODEL}@production"),
    "rollback": lambda registry, _: registry.rollback(TASK, MODEL, "production"),
    "rollback of a new alias": _roll_a_new_one_back,
    "promote": lambda registry, _: registry.promote(TASK, MODEL, "production", "1"),
    "register": lambda registry, top: registry.register(TASK, MODEL, "3", top / "3"),
    "register with a key": lambda registry, top: registry.register(
        TASK, MODEL, "4", top / "4", idempotency_key="key-4"
    ),
    "begin upload": lambda registry, _: registry.begin_upload(TASK, MODEL, [ANNOUNCED]),
    "a repeat": lambda registry, top: registry.register(
        TASK, MODEL, "1", top / "1", set_alias=None, idempotency_key="key-1"
    ),
}
# What moves an alias looks twice, before the lock and under it, whether there are policies: at the root, and for a last
# event of the registry that a crash has kept the root from saying.
AT_MOST = {
    "resolve": 4,
    "rollback": 17,
    "rollback of a new alias": 55,  # what finds nothing asks whether the journal has lost its end
    "promote": 15,
    "register": 22,
    "register with a key": 28,
    "begin upload": 110,  # a hundred events, and what two versions have
    "a repeat": 14,
}


@pytest.mark.parametrize("verb", VERBS)
def test_I15_a_store_is_asked_the_same_however_long_the_past(
    past: tuple[int, MemoryStore, Path], requests: Counter[str], verb: str
) -> None:
    events, store, top = past
    VERBS[verb](opened(store), top)
    assert 0 < requests["read"] <= AT_MOST[verb] + 2 * math.ceil(math.log2(events)), requests
    assert requests["level"] + requests["objects"] <= LISTINGS.get(verb, 1), requests


def test_I15_show_reads_the_alias_that_it_is_asked_for_once(requests: Counter[str], tmp_path: Path) -> None:
    store, source = MemoryStore(), write_files(tmp_path / "1", {"model.pt": b"1"})
    opened(store).register(TASK, MODEL, "1", source, set_alias="production")
    requests.clear()
    assert opened(store).show(TASK, f"{MODEL}@1").aliases == ["production"]
    of_version = requests["read"]
    requests.clear()
    assert opened(store).show(TASK, f"{MODEL}@production").aliases == ["production"]
    assert requests["read"] < of_version, "a version's name is looked up as an alias's first; here that is one of all"

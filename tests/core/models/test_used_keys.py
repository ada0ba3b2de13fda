"""Idempotency keys on a store that has no index: whichever documents are there, a key is used once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from registry_core import CoreSettings, IdempotencyKeyReused, ModelRegistry, Registration
from registry_core.format.layout import ModelKeys, is_package
from registry_core.storage.contract import StorageOptions
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.object_store.store import ObjectStorage

from ...support.packages import write_files

TASK, MODEL = "t", "m"
KEYS = ModelKeys(TASK, MODEL)
URL = "s3://registries/root"


class Shelf:
    """One model on a store in memory, each call by a replica of its own."""

    def __init__(self, top: Path) -> None:
        self.store, self._top = MemoryStore(), top

    def registry(self) -> ModelRegistry:
        storage = ObjectStorage(URL, StorageOptions(), is_package, store=self.store)
        return ModelRegistry.open(settings=CoreSettings(root=URL, workers=1), storage=storage)

    def register(self, version: str, key: str) -> Registration:
        source = write_files(self._top / version, {"model.pt": version.encode()})
        return self.registry().register(TASK, MODEL, version, source, idempotency_key=key)

    def there(self) -> set[str]:
        found = (meta["path"] for chunk in obstore.list(self.store, KEYS.used_keys) for meta in chunk)
        return set(found)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    found = Shelf(tmp_path)
    for version in ("1", "2"):
        found.register(version, f"key-{version}")
    return found


def _remove(shelf: Shelf, *keys: str) -> None:
    for key in keys:
        obstore.delete(shelf.store, key)


HARM: dict[str, Callable[[Shelf], None]] = {
    "none": lambda shelf: None,
    "all are gone, as before there were any": lambda shelf: _remove(
        shelf, KEYS.used_keys_known, KEYS.used_key("key-1"), KEYS.used_key("key-2")
    ),
    "nobody says since when": lambda shelf: _remove(shelf, KEYS.used_keys_known),
    "the last one is not written yet": lambda shelf: _remove(shelf, KEYS.used_key("key-2")),
    "damaged": lambda shelf: (
        [obstore.put(shelf.store, KEYS.used_key(key), b"{") for key in ("key-1", "key-2")] and None
    ),
    "of another event": lambda shelf: (
        [
            obstore.put(shelf.store, KEYS.used_key(key), b'{"version": "1", "seq": %d}' % seq)
            for key, seq in (("key-1", 2), ("key-2", 99))
        ]
        and None
    ),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_key_is_used_once(shelf: Shelf, harm: str) -> None:
    HARM[harm](shelf)
    assert shelf.register("2", "key-2").version == "2"
    for version in ("3", "4"):
        with pytest.raises(IdempotencyKeyReused):
            shelf.register(version, "key-2")
    shelf.register("5", "key-5")
    for version in ("2", "5"):
        assert shelf.register(version, f"key-{version}").version == version
        with pytest.raises(IdempotencyKeyReused):
            shelf.register("6", f"key-{version}")
    assert len(list(shelf.registry().history(TASK, MODEL).events)) == 3


def test_the_first_change_with_a_key_writes_down_what_those_before_used(shelf: Shelf) -> None:
    written = shelf.there()
    _remove(shelf, KEYS.used_keys_known, KEYS.used_key("key-1"), KEYS.used_key("key-2"))
    shelf.register("3", "key-3")
    assert {KEYS.used_keys_known, KEYS.used_key("key-1"), KEYS.used_key("key-2")} == written
    assert shelf.there() == written | {KEYS.used_key("key-3")}


def test_a_filesystem_has_no_such_documents_and_migration_takes_none_along(shelf: Shelf, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    there = ModelRegistry.open(settings=CoreSettings(root=str(root)), storage=FilesystemStorage(root))
    shelf.registry().migrate_to(there)
    assert not (root / KEYS.used_keys).exists()
    again = there.register(TASK, MODEL, "1", tmp_path / "1", idempotency_key="key-1")
    assert again.version == "1"
    assert not (root / KEYS.used_keys).exists()
    back = Shelf(tmp_path / "back")
    there.migrate_to(back.registry())
    assert back.there() == set()
    with pytest.raises(IdempotencyKeyReused):
        back.register("3", "key-1")


def test_a_key_that_nothing_keeps_any_more_is_named_by_check(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.register("1", "first")
    shelf.register("2", "second")
    assert shelf.registry().check().findings == []
    obstore.delete(shelf.store, KEYS.used_key("first"))
    [found] = shelf.registry().check().findings
    assert (found.code, found.severity) == ("key_missing", "damage")
    obstore.delete(shelf.store, KEYS.used_keys_known)
    shelf.register("3", "third")
    assert shelf.registry().check().findings == []

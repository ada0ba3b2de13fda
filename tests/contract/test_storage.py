"""Every backend keeps the storage contract."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from registry_core.format.layout import is_package
from registry_core.storage.contract import StorageOptions
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage

from ..support.seaweed import REGION, Seaweed
from .storage import Opener, StorageContract


class OnFilesystem:
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        root = tmp_path / "root"
        root.mkdir()
        return partial(FilesystemStorage, root)


class InMemory:
    @pytest.fixture
    def opener(self) -> Opener:
        storage = MemoryStorage()
        return lambda: storage


class OnObjectStore:
    @pytest.fixture
    def opener(self, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Opener:
        for name, value in seaweed.env.items():
            monkeypatch.setenv(name, value)
        return partial(
            ObjectStorage, seaweed.new_root(), StorageOptions(endpoint=seaweed.endpoint, region=REGION), is_package
        )


class TestFilesystem(OnFilesystem, StorageContract):
    pass


class TestMemory(InMemory, StorageContract):
    crosses_processes = False


class TestObjectStore(OnObjectStore, StorageContract):
    has_locks = False

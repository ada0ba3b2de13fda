"""Every backend keeps the contract of uploads."""

from __future__ import annotations

from .test_storage import InMemory, OnFilesystem, OnObjectStore
from .uploads import UploadsContract


class TestFilesystem(OnFilesystem, UploadsContract):
    pass


class TestMemory(InMemory, UploadsContract):
    remembers_arrival = False


class TestObjectStore(OnObjectStore, UploadsContract):
    shows_paths = False

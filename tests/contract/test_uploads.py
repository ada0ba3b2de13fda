"""Every backend keeps the contract of uploads."""

from __future__ import annotations

import pytest

from registry_core.storage.filesystem import receiving

from .storage import PACKAGE, Opener
from .test_storage import InMemory, OnFilesystem, OnObjectStore
from .uploads import DATA, Proof, UploadsContract, begun, bring


class TestFilesystem(OnFilesystem, UploadsContract):
    def test_what_no_sync_has_proven_is_read_after_a_restart_of_the_machine(
        self, opener: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A power cut may have taken a packed file, whatever its size and its times say."""
        uploads, proof = opener().uploads, Proof()
        upload = begun(uploads)
        bring(uploads, upload, {"a": DATA})
        monkeypatch.setattr(receiving, "boot_id", lambda: "another")
        storage = opener()
        (file,) = storage.uploads.files(upload)
        with storage.packages.stage(PACKAGE) as staging:
            storage.uploads.take(upload, file, staging, proof)
        assert proof.count == len(DATA)


class TestMemory(InMemory, UploadsContract):
    remembers_arrival = False


class TestObjectStore(OnObjectStore, UploadsContract):
    shows_paths = False

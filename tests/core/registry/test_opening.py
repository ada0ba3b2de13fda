"""The root of one process: what it says is seen when it must be, costs what it may, and it stays itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry, NotConfigured
from registry_core.format.events import POLICY
from registry_core.format.layout import REGISTRY
from registry_core.models.changes import Draft
from registry_core.models.registry_journal import document_key
from registry_core.registry import opening
from registry_core.registry.opening import NO_ID, RootIdentity
from registry_core.storage.contract import Document, Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.documents import MemoryDocuments
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.texts import digest

from ...support.packages import write_package
from ..access.ruled import journal_of
from ..evidence.ruled import policy_of


class FarDocuments(MemoryDocuments):
    """As those of a store over a network: each look is a request. ``reads``: the keys that were read, in order."""

    reads: list[str]

    def looks_are_cheap(self) -> bool:
        return False

    def read(self, key: str) -> Document:
        self.reads.append(key)
        return super().read(key)


class Far(MemoryStorage):
    documents: FarDocuments

    def __init__(self) -> None:
        super().__init__()
        self.documents = FarDocuments(self.state)
        self.documents.reads = []


def opened(storage: Storage) -> ModelRegistry:
    return ModelRegistry.open("memory://", storage=storage, settings=CoreSettings())


def begun(storage: Storage) -> RootIdentity:
    """The root of a registry that has begun, as one process has seen it."""
    identity = RootIdentity(storage, CoreSettings())
    identity.before_change()
    assert identity.id != NO_ID
    return identity


@pytest.fixture(params=["disk", "far", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "disk":
        (tmp_path / "root").mkdir()
        return FilesystemStorage(tmp_path / "root")
    return Far() if request.param == "far" else MemoryStorage()


def test_the_first_policy_of_another_process_is_asked_at_once(storage: Storage) -> None:
    identity = begun(storage)
    assert not identity.is_gated()
    opened(storage).set_policy("celltype", policy_of())
    assert identity.is_gated()
    opened(storage).clear_policy("celltype")
    assert identity.is_gated()  # what was judged by it is still to be told


def test_so_is_one_that_a_crash_has_left_unsaid_and_one_whose_root_says_nothing_any_more(storage: Storage) -> None:
    identity, journal, data = begun(storage), journal_of(storage), policy_of()
    storage.documents.write(document_key(digest(data)), data)
    draft = Draft(POLICY, None, None, None, own={"policy": "celltype", "document": digest(data)})
    journal.journal.append(journal.journal.next_event(journal.journal.last(), draft.fields(journal)))
    assert identity.is_gated()
    storage.documents.remove(REGISTRY, b"")
    assert RootIdentity(storage, CoreSettings()).is_gated()


def test_on_a_disk_nothing_is_read_to_know_that_no_policy_ever_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root").mkdir()
    storage = FilesystemStorage(tmp_path / "root")
    identity, real = begun(storage), storage.documents.read
    reads: list[str] = []

    def read(key: str) -> Document:
        reads.append(key)
        return real(key)

    monkeypatch.setattr(storage.documents, "read", read)
    assert not identity.is_gated()
    assert reads == []
    opened(storage).set_policy("celltype", policy_of())
    reads.clear()
    assert identity.is_gated()
    assert reads != []


def test_what_a_root_far_away_says_is_five_seconds_old_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(opening, "monotonic", lambda: now[0])
    storage = Far()
    identity = begun(storage)
    opened(storage).set_policy("celltype", policy_of())
    storage.documents.reads.clear()
    now[0] += opening.LOOK_EVERY_S - 0.1
    assert not identity.said().has_policies
    assert storage.documents.reads == []
    now[0] += 0.1
    assert identity.said().has_policies
    assert storage.documents.reads == [REGISTRY]
    assert identity.said().has_policies
    assert storage.documents.reads == [REGISTRY]


def test_a_root_that_was_swapped_is_refused_until_it_is_back(tmp_path: Path) -> None:
    root, away = tmp_path / "root", tmp_path / "away"
    root.mkdir()
    identity = begun(FilesystemStorage(root))
    root.rename(away)
    root.mkdir()
    opened(FilesystemStorage(root)).register("t", "m", "1", write_package(tmp_path / "source"))
    for ask in (identity.confirm, identity.said, identity.is_gated, identity.before_change):
        with pytest.raises(NotConfigured) as caught:
            ask()
        assert caught.value.detail["reason"] == "root_changed"
    root.rename(tmp_path / "other")
    away.rename(root)
    assert identity.said().id == identity.id


def test_where_no_id_was_seen_only_the_same_directory_may_get_one(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    identity = RootIdentity(FilesystemStorage(root), CoreSettings())
    assert identity.look().id == NO_ID
    root.rename(tmp_path / "away")
    root.mkdir()
    begun(FilesystemStorage(root))
    with pytest.raises(NotConfigured):
        identity.said()
    root.rename(tmp_path / "other")
    (tmp_path / "away").rename(root)
    assert begun(FilesystemStorage(root)).id == identity.said().id

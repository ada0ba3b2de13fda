"""Trust and policies are compared, finished and copied with what is of the registry itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import CoreSettings, JournalCorrupt, ModelRegistry, PackageCorrupt, PolicyUnreadable
from registry_core.format.layout import DOCUMENTS, REGISTRY, REGISTRY_JOURNAL
from registry_core.models.registry_journal import POLICIES, TITLE, said_of_root
from registry_core.storage.contract import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.texts import digest

from ..support.packages import open_registry
from .access.ruled import FIRST, put
from .evidence.ruled import clear, policy_of, put_policy, put_trust, rules, trust_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One with a trust document, a policy of all, and one that was cleared; a rule of access came last."""
    storage = FilesystemStorage(tmp_path)
    put_trust(storage, trust_of("ada"))
    put_policy(storage, policy_of("*"), "*")
    put_policy(storage, policy_of())
    clear(storage)
    put(storage, FIRST)
    return tmp_path


def found(root: Path) -> set[tuple[str, str]]:
    return {(finding.severity, finding.code) for finding in open_registry(root).check().findings}


def of(root: Path, data: bytes) -> Path:
    return root / DOCUMENTS / (digest(data).removeprefix("sha256:") + ".json")


def unsay(root: Path) -> None:
    """As a careless hand, or a backup of one file."""
    fields = json.loads((root / REGISTRY).read_bytes())
    (root / REGISTRY).write_text(json.dumps({**fields, "format": 1}))


def opened(storage: Storage) -> ModelRegistry:
    return ModelRegistry.open("memory://", storage=storage, settings=CoreSettings(workers=1))


def test_what_is_whole_is_no_finding(root: Path) -> None:
    assert found(root) == set()
    assert open_registry(root).registry_audit_verify().events == 5
    kinds = [event.event for event in open_registry(root).registry_history().events]
    assert kinds == ["trust", "policy", "policy", "policy", "access"]


DAMAGED: dict[str, tuple[Callable[[Path], object], tuple[str, str]]] = {
    "trust deleted": (lambda root: of(root, trust_of("ada")).unlink(), ("damage", "named_damaged")),
    "a policy changed": (lambda root: of(root, policy_of("*")).write_bytes(b"{}"), ("damage", "named_damaged")),
    "a cleared one torn": (lambda root: of(root, policy_of()).write_bytes(b""), ("damage", "named_damaged")),
    "the mark undone": (unsay, ("damage", "mark_missing")),
    "the journal lost": (lambda root: (root / REGISTRY_JOURNAL).unlink(), ("damage", "journal_short")),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_what_is_damaged_is_found(root: Path, how: str) -> None:
    damage, finding = DAMAGED[how]
    damage(root)
    assert finding in found(root)


def test_a_policy_that_a_crash_left_unsaid_is_said_by_a_sweep(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    put_policy(storage, policy_of())
    unsay(tmp_path)
    assert found(tmp_path) == {("pending", "unfinished")}
    assert open_registry(tmp_path).sweep(older_than_s=0).finished == [TITLE]
    assert POLICIES in said_of_root(storage)


def test_what_no_longer_is_the_last_event_is_said_by_a_sweep_too(root: Path) -> None:
    unsay(root)
    assert open_registry(root).sweep(dry_run=True).finished == []
    assert open_registry(root).sweep(older_than_s=0).finished == [TITLE]
    assert found(root) == set()
    assert open_registry(root).sweep(older_than_s=0).finished == []


def test_a_copy_trusts_and_guards_the_same_and_is_of_the_same_format(root: Path) -> None:
    storage, there = FilesystemStorage(root), MemoryStorage()
    assert opened(storage).migrate_to(opened(there)).events_copied == 5
    assert there.documents.read(REGISTRY).data == storage.documents.read(REGISTRY).data
    assert sorted(rules(there).trust.people) == ["ada"]
    assert [one.document.task for one in rules(there).of("celltype")] == ["*"]
    assert opened(there).log_document(digest(policy_of())) == policy_of()
    assert opened(there).check().findings == []
    put_policy(storage, policy_of())
    assert opened(storage).migrate_to(opened(there)).events_copied == 1
    assert [one.document.task for one in rules(there).of("celltype")] == ["*", "celltype"]


def test_a_copy_that_was_made_before_the_first_policy_becomes_of_the_later_format(tmp_path: Path) -> None:
    storage, there = FilesystemStorage(tmp_path), MemoryStorage()
    put_trust(storage, trust_of("ada"))
    opened(storage).migrate_to(opened(there))
    assert POLICIES not in said_of_root(there)
    put_policy(storage, policy_of())
    opened(storage).migrate_to(opened(there))
    assert POLICIES in said_of_root(there)


def test_a_damaged_document_is_not_copied_and_what_was_begun_is_closed(root: Path) -> None:
    of(root, policy_of()).write_bytes(b"{}")
    there = MemoryStorage()
    with pytest.raises(PackageCorrupt, match="is missing or damaged at the source"):
        opened(FilesystemStorage(root)).migrate_to(opened(there))
    with pytest.raises(PolicyUnreadable):
        rules(there)


def test_an_older_copy_of_the_journal_is_noticed(tmp_path: Path) -> None:
    put_policy(FilesystemStorage(tmp_path), policy_of())
    before = (tmp_path / REGISTRY_JOURNAL).read_bytes()
    put_trust(FilesystemStorage(tmp_path), trust_of("ada"))
    (tmp_path / REGISTRY_JOURNAL).write_bytes(before)
    with pytest.raises(PolicyUnreadable, match="older copy"):
        rules(FilesystemStorage(tmp_path))
    with pytest.raises(JournalCorrupt):
        open_registry(tmp_path).registry_audit_verify()

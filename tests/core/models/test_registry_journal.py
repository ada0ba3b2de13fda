"""The registry's own journal: a subject like a model, which says in registry.json that it is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import AccessUnreadable, CoreSettings, JournalCorrupt, Kind, ModelRegistry, NotConfigured, Principal
from registry_core.format.events import ACCESS, POLICY, TRUST
from registry_core.format.layout import REGISTRY, REGISTRY_JOURNAL
from registry_core.models.changes import Committed, Draft, change, finish_pending, pending
from registry_core.models.registry_journal import RegistryJournal, document_key, is_ruled, said_of_root, told_by_journal
from registry_core.storage.contract import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage

from ..access.ruled import FIRST, SECOND, put

NAMED = "sha256:" + "0" * 64


@pytest.fixture(params=["memory", "filesystem"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return MemoryStorage() if request.param == "memory" else FilesystemStorage(tmp_path)


def journal_of(storage: Storage) -> RegistryJournal:
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings())
    return RegistryJournal(storage, 1.0, registry._identity.before_change)


def draft(kind: str = ACCESS) -> Draft:
    return Draft(kind, None, "ada", "first", own={"document": NAMED})


def commit(journal: RegistryJournal, kind: str = ACCESS) -> Any:
    done = change(journal, lambda: None, lambda _: draft(kind))
    assert isinstance(done, Committed)
    return done.event


def about(storage: Storage) -> Any:
    return json.loads(storage.documents.read(REGISTRY).data)


def test_an_event_says_what_those_of_models_say(storage: Storage) -> None:
    event = commit(journal_of(storage))
    assert (event["seq"], event["event"], event["document"], event["actor"]) == (1, "access", NAMED, "ada")
    assert event["task"] is event["model_name"] is event["version"] is None
    assert [line.fields for line in journal_of(storage).journal.lines()] == [event]
    assert commit(journal_of(storage))["seq"] == 2


def test_the_root_says_that_there_are_rules_and_stays_what_it_is(storage: Storage) -> None:
    journal = journal_of(storage)
    assert not is_ruled(storage)
    journal.changing()
    before = about(storage)
    commit(journal)
    assert is_ruled(storage)
    assert about(storage) == {**before, "access": True}
    assert ModelRegistry.open("memory://", storage=storage, settings=CoreSettings()).id == before["id"]


def test_what_a_crash_left_unsaid_is_finished(storage: Storage) -> None:
    journal = journal_of(storage)
    journal.changing()
    event = journal.journal.next_event(None, draft().fields(journal))
    journal.journal.append(event)
    assert pending(journal)
    assert not is_ruled(storage)
    assert finish_pending(journal_of(storage))
    assert is_ruled(storage)
    assert not pending(journal)
    assert not finish_pending(journal_of(storage))


def test_from_the_first_policy_on_earlier_releases_refuse_the_root(storage: Storage) -> None:
    journal = journal_of(storage)
    commit(journal, TRUST)
    assert said_of_root(storage) == set()
    before = about(storage)
    commit(journal, POLICY)
    assert about(storage) == {**before, "format": 2}
    assert not is_ruled(storage)
    commit(journal, ACCESS)
    assert about(storage) == {**before, "format": 2, "access": True}
    assert ModelRegistry.open("memory://", storage=storage, settings=CoreSettings()).id == before["id"]


def test_a_root_that_has_lost_what_it_says_of_itself_says_it_by_its_journal(storage: Storage) -> None:
    journal = journal_of(storage)
    commit(journal, TRUST)
    storage.documents.delete(REGISTRY)
    assert told_by_journal(storage) == {"format": 1}
    commit(journal_of(storage), POLICY)
    storage.documents.delete(REGISTRY)
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings())
    assert not registry.is_ruled
    registry.identify()
    assert about(storage) == {"format": 2, "id": registry.id}


def test_a_lock_by_itself_is_of_nothing_that_ever_was(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    with journal_of(storage).lock():
        assert told_by_journal(storage) == {"format": 1}
    commit(journal_of(storage), TRUST)
    (tmp_path / REGISTRY_JOURNAL).unlink()
    assert told_by_journal(storage) == {"format": 1, "access": True}  # there were events, and nobody knows which


def test_a_format_of_later_software_is_refused(storage: Storage) -> None:
    storage.documents.write(REGISTRY, b'{"format": 3}')
    with pytest.raises(NotConfigured, match="none of the formats 1 and 2"):
        ModelRegistry.open("memory://", storage=storage, settings=CoreSettings())


def test_a_lost_journal_is_not_begun_anew(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    commit(journal_of(storage))
    (tmp_path / REGISTRY_JOURNAL).unlink()
    with pytest.raises(JournalCorrupt) as refused:
        commit(journal_of(storage))
    assert refused.value.detail["broken_seq"] == 1
    assert not (tmp_path / REGISTRY_JOURNAL).exists()


@pytest.mark.parametrize("last", [b"{}", b"what?", b'{"seq": 2}'])
def test_a_last_line_that_is_no_event_is_not_written_over(tmp_path: Path, last: bytes) -> None:
    storage = FilesystemStorage(tmp_path)
    commit(journal_of(storage))
    log = tmp_path / REGISTRY_JOURNAL
    log.write_bytes(log.read_bytes() + last + b"\n")
    before = log.read_bytes()
    with pytest.raises(JournalCorrupt):
        commit(journal_of(storage))
    assert log.read_bytes() == before


def test_a_torn_line_is_what_a_crash_leaves(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    commit(journal_of(storage))
    log = tmp_path / REGISTRY_JOURNAL
    log.write_bytes(log.read_bytes() + b'{"seq": 2, "ev')
    assert commit(journal_of(storage))["seq"] == 2


@pytest.mark.parametrize(
    "change_it", [lambda d: d[7:], str.upper, lambda d: d[:-1], lambda d: d[:7] + "../" * 21 + "a"]
)
def test_what_is_no_digest_is_no_key(change_it: Callable[[str], str]) -> None:
    named = "sha256:" + "a" * 64
    assert document_key(named) == f"log/documents/{'a' * 64}.json"
    with pytest.raises(ValueError, match=r".+"):
        document_key(change_it(named))


def test_an_older_copy_is_noticed_by_whoever_reads_changes_or_finishes_it(tmp_path: Path) -> None:
    """It is a whole prefix: its chain is whole, and only the note beside the lock knows that there was more."""
    storage = FilesystemStorage(tmp_path)
    put(storage, FIRST)
    older = (tmp_path / REGISTRY_JOURNAL).read_bytes()
    put(storage, SECOND)
    newest = (tmp_path / REGISTRY_JOURNAL).read_bytes()
    (tmp_path / REGISTRY_JOURNAL).write_bytes(older)
    registry = ModelRegistry.open(tmp_path)
    for ask in (
        registry.access_rules,
        lambda: registry.access_rules(as_of="2020-01-01T00:00:00Z"),
        lambda: registry.set_access_rules(FIRST),
        lambda: registry.create_token("service", "ci"),
        lambda: registry.as_(Principal(Kind.USER, "first")).list_models(),
    ):
        with pytest.raises(AccessUnreadable) as refused:
            ask()
        assert "an older copy" in refused.value.message
    with pytest.raises(JournalCorrupt) as broken:
        registry.registry_audit_verify()
    assert broken.value.detail["broken_seq"] == 2
    assert [(one.severity, one.code) for one in registry.check().findings] == [("damage", "journal_short")]
    assert (tmp_path / REGISTRY_JOURNAL).read_bytes() == older, "nothing was written"
    # What it says last is not made true: it may be long past.
    (tmp_path / REGISTRY).write_bytes((tmp_path / REGISTRY).read_bytes().replace(b'"access": true', b'"x": true'))
    with pytest.raises(JournalCorrupt, match="event 2"):
        finish_pending(journal_of(storage))
    (tmp_path / REGISTRY_JOURNAL).write_bytes(newest)
    assert finish_pending(journal_of(storage))
    assert (registry.check().findings, registry.access_rules().seq) == ([], 2)

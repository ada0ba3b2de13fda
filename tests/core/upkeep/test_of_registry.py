"""What is of the registry itself is compared, finished and copied like what is of models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    CoreSettings,
    DestinationDiffers,
    InvalidParameter,
    JournalCorrupt,
    ModelRegistry,
    PackageCorrupt,
    verbs,
)
from registry_core.access.governing import create_token, revoke_token, set_document
from registry_core.access.in_force import said
from registry_core.access.tokens import TokenKind
from registry_core.format.events import ACCESS
from registry_core.format.layout import DOCUMENTS, REGISTRY, REGISTRY_HOME, REGISTRY_JOURNAL, TOKENS
from registry_core.models.changes import Draft
from registry_core.models.registry_journal import TITLE, is_ruled
from registry_core.storage.contract import Document, Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.upkeep import of_registry

from ...support.packages import open_registry, write_files
from ..access.ruled import FIRST, NOW, SECOND, admitted, journal_of, put, read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One with two documents, a token, and one that was revoked."""
    made = tmp_path / "root"
    made.mkdir()
    storage = FilesystemStorage(made)
    put(storage, FIRST)
    put(storage, SECOND)
    create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    gone = create_token(journal_of(storage), TokenKind.SERVICE, "gone")
    revoke_token(journal_of(storage), gone.kept.id, actor=None, reason=None)
    (made / TOKENS / f"{gone.kept.id}.json").unlink()
    return made


def found(root: Path) -> set[tuple[str, str]]:
    return {(finding.severity, finding.code) for finding in open_registry(root).check().findings}


def test_what_is_whole_is_no_finding(root: Path) -> None:
    assert found(root) == set()


def test_a_long_journal_has_an_index_that_no_answer_depends_on(root: Path) -> None:
    storage = FilesystemStorage(root)
    for data in (FIRST, SECOND) * 10:
        set_document(journal_of(storage), data, expected_seq=None, actor=None, reason="long" * 1000)
    index = root / "log" / ".index"
    (segment,) = index.iterdir()
    for damage in (lambda: None, lambda: segment.write_bytes(b"no index"), lambda: shutil.rmtree(index)):
        damage()
        assert found(root) == set()
        assert (read(storage).data, read(storage).said.seq) == (SECOND, 25)
        there = MemoryStorage()
        assert opened(FilesystemStorage(root)).migrate_to(opened(there)).events_copied == 25
        assert {entry.key.split("/")[1] for entry in there.documents.list("log", deep=True)} == {
            *("journal", "documents", "tokens")
        }


def token_file(root: Path) -> Path:
    (kept,) = (root / TOKENS).iterdir()
    return kept


def edit(place: Path, old: bytes, new: bytes) -> None:
    data = place.read_bytes()
    assert old in data
    place.write_bytes(data.replace(old, new))


def of_one(root: Path, text: bytes) -> Path:
    (kept,) = (place for place in (root / DOCUMENTS).iterdir() if text in place.read_bytes())
    return kept


def linked(place: Path) -> None:
    shutil.copy(place, place.parent.parent / "elsewhere")
    place.unlink()
    place.symlink_to("../elsewhere")


DAMAGED: dict[str, tuple[Callable[[Path], object], tuple[str, str]]] = {
    "the document in force deleted": (lambda root: of_one(root, b"second").unlink(), ("damage", "named_damaged")),
    "an earlier one changed": (lambda root: edit(of_one(root, b"first"), b"fi", b"th"), ("damage", "named_damaged")),
    "a token's deleted": (lambda root: token_file(root).unlink(), ("damage", "named_damaged")),
    "a token's changed": (lambda root: edit(token_file(root), b'"ci"', b'"cd"'), ("damage", "named_damaged")),
    "a token's linked": (lambda root: linked(token_file(root)), ("damage", "planted")),
    "an event changed": (lambda root: edit(root / REGISTRY_JOURNAL, b'"ci"', b'"cd"'), ("damage", "journal_broken")),
    "the journal lost": (lambda root: (root / REGISTRY_JOURNAL).unlink(), ("damage", "journal_short")),
    "all of it lost": (lambda root: shutil.rmtree(root / "log"), ("damage", "journal_short")),
    "the last step undone": (lambda root: edit(root / REGISTRY, b"true", b"false"), ("pending", "unfinished")),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_what_is_damaged_is_found(root: Path, how: str) -> None:
    damage, finding = DAMAGED[how]
    damage(root)
    assert finding in found(root)


def test_an_event_that_is_later_than_now_is_found(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    put(storage, FIRST)
    journal = journal_of(storage)
    draft = Draft(ACCESS, None, None, None, own={"document": read(storage).said.document})
    event = journal.journal.next_event(journal.journal.last(), draft.fields(journal))
    later = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    journal.journal.append({**event, "ts_utc": later})
    assert found(tmp_path) == {("damage", "clock_ahead")}


@pytest.mark.parametrize("by", ["recover", "sweep"])
def test_what_a_crash_left_is_finished(tmp_path: Path, by: str) -> None:
    storage = FilesystemStorage(tmp_path)
    journal = journal_of(storage)
    journal.changing()
    named = Draft(ACCESS, None, None, None, own={"document": "sha256:" + "0" * 64})
    journal.journal.append(journal.journal.next_event(None, named.fields(journal)))
    registry = open_registry(tmp_path)
    assert registry.sweep(dry_run=True).finished == [TITLE]
    assert not is_ruled(storage)
    done = registry.recover() if by == "recover" else registry.sweep(older_than_s=0).finished
    assert done == [TITLE]
    assert is_ruled(storage)


def opened(storage: Storage) -> ModelRegistry:
    return ModelRegistry.open("memory://", storage=storage, settings=CoreSettings(workers=1))


def test_a_copy_asks_what_the_root_says_of_itself_as_often_however_many_events_there_are(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, there = FilesystemStorage(root), MemoryStorage()
    asked: list[str] = []
    real = there.documents.read

    def read_there(key: str) -> Document:
        asked.append(key)
        return real(key)

    monkeypatch.setattr(there.documents, "read", read_there)
    of_registry.copy(storage, there, 1.0)
    few = asked.count(REGISTRY)
    for data in (FIRST, SECOND, FIRST):
        put(storage, data)
    asked.clear()
    assert of_registry.copy(storage, there, 1.0) == 3
    assert asked.count(REGISTRY) <= few


def test_a_copy_obeys_the_same_rules_and_takes_the_same_tokens(root: Path, tmp_path: Path) -> None:
    storage, there = FilesystemStorage(root), MemoryStorage()
    made = create_token(journal_of(storage), TokenKind.SERVICE, "moving")
    assert opened(storage).migrate_to(opened(there)).events_copied == 6
    assert read(there).data == SECOND
    assert is_ruled(there)
    assert admitted(there, said(journal_of(there)), made.text, NOW) == made.kept
    assert list(there.documents.list("log", deep=True)) != []
    assert opened(there).check().findings == []
    put(storage, FIRST)
    assert opened(storage).migrate_to(opened(there)).events_copied == 1
    assert read(there).data == FIRST
    back = tmp_path / "back"
    back.mkdir()
    opened(there).migrate_to(open_registry(back))
    assert (back / REGISTRY_JOURNAL).read_bytes() == (root / REGISTRY_JOURNAL).read_bytes()
    assert {one.stat().st_mode & 0o777 for one in (back / TOKENS).iterdir()} == {0o600}


def test_a_destination_with_another_history_is_refused(root: Path) -> None:
    storage, there = FilesystemStorage(root), MemoryStorage()
    opened(storage).migrate_to(opened(there))
    put(there, FIRST)
    put(storage, FIRST)
    put(storage, SECOND)
    with pytest.raises(DestinationDiffers, match=TITLE):
        opened(storage).migrate_to(opened(there))


def test_another_registry_takes_models_and_keeps_its_own_rules(root: Path, tmp_path: Path) -> None:
    source, there = open_registry(root), MemoryStorage()
    source.register("t", "m", "1", write_files(tmp_path / "source", {"weights": b"w"}))
    put(there, FIRST)
    assert source.migrate_to(opened(there), merge=True).events_copied == 1
    assert read(there).data == FIRST
    assert list(there.documents.list(TOKENS)) == []


def test_what_is_damaged_at_the_source_is_not_copied(root: Path) -> None:
    of_one(root, b"first").unlink()
    with pytest.raises(PackageCorrupt, match="event 1"):
        open_registry(root).migrate_to(opened(MemoryStorage()))


def test_a_target_is_closed_before_it_has_models(root: Path, tmp_path: Path, monkeypatch: Any) -> None:
    source, there = open_registry(root), MemoryStorage()
    source.register("t", "m", "1", write_files(tmp_path / "source", {"weights": b"w"}))

    def fail(*_: Any) -> Any:
        raise RuntimeError("killed")

    monkeypatch.setattr(there.packages, "stage", fail)
    with pytest.raises(RuntimeError):
        source.migrate_to(opened(there))
    assert read(there).data == SECOND


def test_its_history_is_told_page_by_page(root: Path) -> None:
    registry = open_registry(root)
    page = registry.registry_history(limit=2)
    assert ([one.event for one in page.events], page.next) == (["access", "access"], 2)
    rest = registry.registry_history(after=2)
    assert ([one.event for one in rest.events], rest.next) == (["token"] * 3, None)
    assert [one.seq for one in registry.registry_history(event="access").events] == [1, 2]
    assert page.events[1].document == read(FilesystemStorage(root)).said.document
    with pytest.raises(InvalidParameter):
        registry.registry_history(limit=0)


@pytest.mark.parametrize("at_once", [1, 2, 200])
def test_its_newest_events_are_told_by_their_kinds(root: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(verbs.history, "READ_AT_ONCE", at_once)
    registry = open_registry(root)
    page = registry.registry_newest(["token", "access"], limit=2)
    assert ([one.seq for one in page.events], page.next) == ([5, 4], 4)
    rest = registry.registry_newest(["token", "access"], before=page.next)
    assert ([one.seq for one in rest.events], rest.next) == ([3, 2, 1], None)
    assert rest.events == registry.registry_history(limit=3).events[::-1]
    assert [one.seq for one in registry.registry_newest(["access"], before="2").events] == [1]
    assert registry.registry_newest(["policy"]).events == []
    monkeypatch.setattr(verbs.history, "MOST_LOOKED_AT", 2)
    short = registry.registry_newest(["access"])
    assert (short.events, short.next) == ([], 4), "so much is looked at, and no more"
    assert [one.seq for one in registry.registry_newest(["access"], before=short.next).events] == [2]
    assert registry.registry_newest(["access"], before=0).events == []
    for wrong in ({"limit": 0}, {"before": "x"}, {"before": -1}):
        with pytest.raises(InvalidParameter):
            registry.registry_newest(["access"], **wrong)


def test_its_journal_is_proven_against_a_head_that_was_kept(root: Path) -> None:
    proof = open_registry(root).registry_audit_verify()
    assert proof.events == 5
    head = str(proof.head)
    put(FilesystemStorage(root), FIRST)
    assert open_registry(root).registry_audit_verify(expect_head=head).events == 6
    log = root / REGISTRY_JOURNAL
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:4]))
    with pytest.raises(JournalCorrupt, match="event 6: it was noted"):
        open_registry(root).registry_audit_verify()
    (root / REGISTRY_HOME / ".lock").unlink()
    assert open_registry(root).registry_audit_verify().events == 4, "by nothing but a head"
    with pytest.raises(JournalCorrupt, match="ends before the expected event 5"):
        open_registry(root).registry_audit_verify(expect_head=head)


@pytest.mark.parametrize("how", ["an event changed", "the journal lost", "all of it lost"])
def test_a_journal_that_is_not_what_was_written_is_not_proven(root: Path, how: str) -> None:
    DAMAGED[how][0](root)
    with pytest.raises(JournalCorrupt, match="the registry itself"):
        open_registry(root).registry_audit_verify()


def test_without_rules_there_is_nothing_to_prove(tmp_path: Path) -> None:
    registry = open_registry(tmp_path)
    assert registry.registry_audit_verify().events == 0
    assert registry.registry_history().events == []
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_was_made_before_there_were_rules_is_closed_by_the_next_run(tmp_path: Path) -> None:
    root, there = tmp_path / "root", MemoryStorage()
    root.mkdir()
    source = open_registry(root)
    source.register("t", "m", "1", write_files(tmp_path / "source", {"weights": b"w"}))
    source.migrate_to(opened(there))
    assert not is_ruled(there)
    put(FilesystemStorage(root), FIRST)
    open_registry(root).migrate_to(opened(there))
    assert is_ruled(there)

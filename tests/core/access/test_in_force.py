"""What is in force is what the registry's journal names, proven; where that cannot be told, nothing is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry_core import AccessUnreadable
from registry_core.access import in_force
from registry_core.access.document import default_rules
from registry_core.access.governing import create_token, revoke_token
from registry_core.access.in_force import said
from registry_core.access.tokens import TokenKind
from registry_core.format.events import ACCESS
from registry_core.format.layout import DOCUMENTS, REGISTRY, REGISTRY_JOURNAL, TOKENS
from registry_core.models.changes import Draft, change
from registry_core.models.registry_journal import document_key
from registry_core.storage.contract import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.vocabulary.errors import StorageUnavailable
from registry_core.vocabulary.texts import digest, parse_time

from .issuers import ISSUERS
from .ruled import FIRST, NOW, SECOND, admitted, journal_of, put, read


@pytest.fixture
def storage(tmp_path: Path) -> FilesystemStorage:
    return FilesystemStorage(tmp_path)


def test_without_an_event_there_are_the_rules_of_the_software(storage: Storage) -> None:
    found = read(storage)
    assert (found.rules, found.data, found.said.is_ruled) == (default_rules(ISSUERS), None, False)


def test_a_token_alone_rules_too(storage: Storage) -> None:
    create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    assert read(storage).said.is_ruled
    assert read(storage).rules == default_rules(ISSUERS)


def test_without_any_copy_of_it_an_operator_begins_anew(storage: Storage, tmp_path: Path) -> None:
    """As docs/errors.md says at access_unreadable; no token of before counts then."""
    put(storage, FIRST)
    made = create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    shutil.rmtree(tmp_path / "log")
    with pytest.raises(AccessUnreadable, match="a backup of log/ does"):
        said(journal_of(storage))
    marked = json.loads((tmp_path / REGISTRY).read_text())
    del marked["access"]
    (tmp_path / REGISTRY).write_text(json.dumps(marked))
    put(storage, SECOND)
    now = said(journal_of(storage))
    assert (now.is_ruled, admitted(storage, now, made.text, NOW)) == (True, None)


def test_the_last_document_holds(storage: Storage) -> None:
    put(storage, FIRST)
    seq = put(storage, SECOND)
    found = read(storage)
    assert [one.text for one in found.rules.admins] == ["user:second"]
    assert (found.data, found.said.document_seq, found.said.seq) == (SECOND, seq, seq)


def test_who_has_a_token_is_known_until_it_is_revoked_or_ends(storage: Storage) -> None:
    made = create_token(journal_of(storage), TokenKind.SERVICE, "ci", life=timedelta(days=1))
    other = create_token(journal_of(storage), TokenKind.SERVICE, "other")
    now = said(journal_of(storage))
    assert admitted(storage, now, made.text, NOW) == made.kept
    assert admitted(storage, now, other.text, NOW) == other.kept
    assert admitted(storage, now, made.text, NOW + timedelta(days=2)) is None
    assert admitted(storage, now, made.text[:-1], NOW) is None
    forged = made.text[:4] + other.text[4:]
    assert admitted(storage, now, forged[:20] + made.text[20:], NOW) is None
    revoke_token(journal_of(storage), made.kept.id, actor=None, reason=None)
    now = said(journal_of(storage))
    assert admitted(storage, now, made.text, NOW) is None
    assert admitted(storage, now, other.text, NOW) == other.kept


def test_what_is_kept_of_a_token_is_its_owners_alone(storage: Storage, tmp_path: Path) -> None:
    made = create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    (kept,) = (tmp_path / TOKENS).iterdir()
    assert (kept.stem, kept.stat().st_mode & 0o777) == (made.kept.id, 0o600)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert made.text[21:].encode() not in everything
    assert made.kept.sha256.encode() not in (tmp_path / REGISTRY_JOURNAL).read_bytes()
    assert made.text not in repr(made)


@pytest.mark.parametrize("change", [lambda d: d.replace(b'"ci"', b'"cd"'), lambda d: b"", lambda d: d + b" "])
def test_a_token_whose_document_is_another_one_does_not_count(
    storage: Storage, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    made = create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    (kept,) = (tmp_path / TOKENS).iterdir()
    kept.write_bytes(change(kept.read_bytes()))
    assert admitted(storage, said(journal_of(storage)), made.text, NOW) is None


def test_a_token_that_no_event_names_does_not_count(storage: Storage, tmp_path: Path) -> None:
    """Whoever can only write a file of tokens has none."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    foreign = create_token(journal_of(FilesystemStorage(elsewhere)), TokenKind.SERVICE, "ci")
    put(storage, FIRST)
    (tmp_path / TOKENS).mkdir()
    shutil.copy(elsewhere / TOKENS / f"{foreign.kept.id}.json", tmp_path / TOKENS)
    assert admitted(storage, said(journal_of(storage)), foreign.text, NOW) is None


def edit(place: Path, old: bytes, new: bytes) -> None:
    data = place.read_bytes()
    assert old in data
    place.write_bytes(data.replace(old, new))


def document_of(root: Path) -> Path:
    (found,) = (place for place in (root / DOCUMENTS).iterdir() if b"second" in place.read_bytes())
    return found


CLOSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "the document deleted": (lambda root: document_of(root).unlink(), "is missing"),
    "the document torn": (lambda root: document_of(root).write_bytes(SECOND[:-5]), "is damaged"),
    "the document changed": (lambda root: edit(document_of(root), b"second", b"mallet"), "is damaged"),
    "a directory in its place": (
        lambda root: (document_of(root).unlink(), (root / DOCUMENTS / _name()).mkdir()),
        "cannot be read",
    ),
    "the journal deleted": (lambda root: (root / REGISTRY_JOURNAL).unlink(), "has none"),
    "its directory deleted": (lambda root: shutil.rmtree(root / "log"), "has none"),
    "the journal emptied": (lambda root: (root / REGISTRY_JOURNAL).write_bytes(b""), "has none"),
    "an event changed": (lambda root: edit(root / REGISTRY_JOURNAL, b'"actor":null', b'"actor":"ada"'), "not what was"),
    "an event removed": (lambda root: _keep(root / REGISTRY_JOURNAL, slice(1, None)), "not what was written"),
    "an older copy": (lambda root: _keep(root / REGISTRY_JOURNAL, slice(0, 1)), "an older copy"),
    "a line of nothing": (lambda root: edit(root / REGISTRY_JOURNAL, b"}\n", b"}\n\n"), "not what was written"),
    "registry.json damaged": (lambda root: _keep(root / REGISTRY_JOURNAL, slice(0)) or _spoil(root), "cannot be read"),
}


def _name() -> str:
    return digest(SECOND).removeprefix("sha256:") + ".json"


def _keep(log: Path, which: slice) -> None:
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[which]))


def _spoil(root: Path) -> None:
    (root / REGISTRY).write_bytes(b"{")


@pytest.mark.parametrize("how", CLOSED)
def test_what_cannot_be_told_is_not_guessed(storage: Storage, tmp_path: Path, how: str) -> None:
    put(storage, FIRST)
    put(storage, SECOND)
    damage, says = CLOSED[how]
    journal = journal_of(storage)
    damage(tmp_path)
    with pytest.raises(AccessUnreadable) as refused:
        in_force.read(journal, ISSUERS)
    assert says in refused.value.message
    assert str(tmp_path) not in refused.value.message
    assert refused.value.detail["retry_after_s"] > 0


def test_a_document_of_later_software_is_not_understood_by_half(storage: Storage, tmp_path: Path) -> None:
    put(storage, FIRST)
    later = b'{"schema": "omr-access/2", "rules": []}'
    journal = journal_of(storage)
    named = digest(later)
    made = Draft(ACCESS, None, None, None, own={"document": named}, beside={document_key(named): later})
    change(journal, lambda: None, lambda _: made)
    with pytest.raises(AccessUnreadable, match="does not understand"):
        read(storage)
    put(storage, SECOND)
    assert read(storage).data == SECOND


def test_kinds_of_later_software_are_passed_over(storage: Storage) -> None:
    put(storage, FIRST)
    change(journal_of(storage), lambda: None, lambda _: Draft("trust", None, None, None))
    assert (read(storage).data, read(storage).said.seq) == (FIRST, 2)


def test_a_torn_last_line_is_no_event(storage: Storage, tmp_path: Path) -> None:
    put(storage, FIRST)
    log = tmp_path / REGISTRY_JOURNAL
    log.write_bytes(log.read_bytes() + b'{"seq": 2, "event": "acc')
    assert read(storage).data == FIRST


def test_a_storage_that_does_not_answer_is_no_reason_to_open(storage: Storage, monkeypatch: Any) -> None:
    put(storage, FIRST)
    journal = journal_of(storage)

    def fail(*_: Any) -> Any:
        raise StorageUnavailable("The storage does not answer.")

    monkeypatch.setattr(storage.documents, "records", fail)
    with pytest.raises(AccessUnreadable, match="does not answer"):
        in_force.read(journal, ISSUERS)


def test_what_was_in_force_is_told_by_the_events_until_then(storage: Storage, tmp_path: Path) -> None:
    journal = journal_of(storage)
    put(storage, FIRST)
    made = create_token(journal, TokenKind.SERVICE, "ci")
    put(storage, SECOND)
    revoke_token(journal, made.kept.id, actor=None, reason=None)
    moments = [parse_time(line.get("ts_utc")) for line in journal.journal.lines()]
    then = [in_force.read(journal, ISSUERS, moment) for moment in moments]
    assert [found.data for found in then] == [FIRST, FIRST, SECOND, SECOND]
    assert [found.said.seq for found in then] == [1, 2, 3, 4]
    assert [list(found.said.tokens) for found in then] == [[], [made.kept.id], [made.kept.id], []]
    before = in_force.read(journal, ISSUERS, moments[0] - timedelta(microseconds=1))  # type: ignore[operator]
    assert (before.data, before.said.is_ruled) == (None, False)
    # The document of now may be lost: that of then is another one.
    (tmp_path / document_key(digest(SECOND))).unlink()
    assert in_force.read(journal, ISSUERS, moments[1]).data == FIRST
    for moment in (moments[2], None):
        with pytest.raises(AccessUnreadable):
            in_force.read(journal, ISSUERS, moment)
    # Nothing is told by a journal of which a line, whichever, is another one.
    edit(tmp_path / REGISTRY_JOURNAL, b'"event":"access"', b'"event":"excess"')
    with pytest.raises(AccessUnreadable):
        in_force.read(journal, ISSUERS, moments[0])

"""The journal of the registry itself: its events are about the whole of it, and are made like those of a model.

What its events name lies beside it: documents under their own digest, which no later event changes, and what is kept of
tokens. That there is a journal is said in ``registry.json`` too, so that nobody takes a lost one for none: from the
first event about access on that there are rules, from the first policy on by the number of the format, which releases
that know no policies refuse.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ..format.chain import Line, lost_range
from ..format.events import ACCESS, POLICY, TOKEN
from ..format.layout import CHECKPOINT, FORMAT, GATED_FORMAT, REGISTRY, REGISTRY_HOME, REGISTRY_JOURNAL, RULED, document
from ..storage.contract import ABSENT, Condition, KeyNotFound, Match, PreconditionFailed, Storage
from ..vocabulary.errors import JournalCorrupt
from ..vocabulary.texts import DIGEST_PREFIX, encode_document, parse_object
from .journal import Event, Journal, Subject
from .model import BeforeChange
from .projections import Projection

TITLE = "the registry itself"
NOTED = "it was noted in log/journal/.lock when it was made, and it is not there"
RULES, POLICIES = "rules of access", "policies"
_MARKS = {ACCESS: RULES, TOKEN: RULES, POLICY: POLICIES}  # what there is from the first such event on
_SAID_BY: dict[str, dict[str, Any]] = {RULES: {RULED: True}, POLICIES: {"format": GATED_FORMAT}}


class RegistryJournal(Subject):
    """What is of the registry itself. Making one touches nothing.

    Nobody holds it and a model at the same time.
    """

    def __init__(self, storage: Storage, lock_timeout_s: float, before_change: BeforeChange | None = None) -> None:
        super().__init__(storage, REGISTRY_HOME, Journal(storage, REGISTRY_JOURNAL), lock_timeout_s)
        self._before_change = before_change

    @property
    def title(self) -> str:
        return TITLE

    def names(self) -> dict[str, Any]:
        return {"task": None, "model_name": None}

    def last_event(self, last: Line | None) -> tuple[Event | None, frozenset[str]]:
        is_ours = last is not None and last.is_own and last.is_of(self.names())
        return (last.fields if last is not None and is_ours else None), frozenset()

    def require_whole(self, last: Line | None, event: Event | None) -> None:  # noqa: ARG002 - of no event in particular
        """Raises ``JournalCorrupt``. What is lost in the middle, or behind the last line, is for who proves it."""
        # Where there are no locks another replica may have made the first event since `last` was read.
        if last is None and said_of_root(self.storage) and self.journal.last() is None:
            raise lost(1, f"{REGISTRY} says that there are events, and the journal has none")
        if last is not None and not (last.is_own and last.is_of(self.names())):
            raise lost(last.seq, "the line is no event of the registry")

    def noted(self) -> int:
        """The event that was noted beside the lock when it was made; 0 where none was.

        Read before the journal, which is never behind it, but where an older copy stands in its place.
        """
        return self.storage.documents.noted(self.key)[0] or 0

    def require_nothing_lost(self) -> None:
        noted = self.noted()
        if noted and not self.journal.reaches(noted):
            raise lost(noted, NOTED)

    def require_reached(self, keys: Iterable[str]) -> None:
        """No document shows an event of it."""

    def documents_of(self, event: Event) -> list[Projection]:  # noqa: ARG002 - what it names was there before it
        return []

    def count_after(self, event: Event) -> int | None:  # noqa: ARG002 - nobody lists its documents
        return None

    def follow(self, event: Event) -> None:
        for mark in self._unsaid(event):
            say(self.storage, mark)

    def recover(self, event: Event) -> None:
        self.follow(event)

    def behind(self, event: Event) -> list[str]:
        return [f"{REGISTRY} does not say that there are {mark}" for mark in self._unsaid(event)]

    def _unsaid(self, event: Event) -> list[str]:
        mark = _MARKS.get(event["event"])
        return [] if mark is None or mark in said_of_root(self.storage, is_written=True) else [mark]

    def changing(self) -> None:
        if self._before_change is not None:
            self._before_change()

    def changed(self) -> None:
        """Whoever follows it looks at its end."""


def marks_of(line: Line) -> frozenset[str]:
    """What there is from the line on. Lost events may have been of any kind."""
    if lost_range(line) is not None or line.fields is None:
        return frozenset(_SAID_BY)
    return made_by([line])


def made_by(lines: Iterable[Line]) -> frozenset[str]:
    """What there is from one of the lines on: ``registry.json`` has to say it."""
    found = {_MARKS.get(str(line.get("event"))) for line in lines if line.is_own}
    return frozenset(mark for mark in found if mark is not None)


def is_ruled(storage: Storage) -> bool:
    """Whether ``registry.json`` says that there are rules of access. Raises ``StorageError``."""
    return RULES in said_of_root(storage)


def is_gated(storage: Storage) -> bool:
    """Whether there ever was a policy, as the root says it now, or is to say. Raises ``JournalCorrupt``,
    ``StorageError``."""
    if POLICIES in said_of_root(storage):
        return True
    # A crash may have come between the first policy and what the root says of it.
    last = Journal(storage, REGISTRY_JOURNAL).last()
    return last is not None and POLICIES in marks_of(last)


def said_of_root(storage: Storage, *, is_written: bool = False) -> set[str]:
    """What ``registry.json`` says that there is; where it is gone, what it has to say, or nothing if ``is_written``.

    Raises ``JournalCorrupt``, ``StorageError``.
    """
    fields, when = _about(storage)
    return set() if is_written and when is ABSENT else _said(fields)


def _said(fields: dict[str, Any]) -> set[str]:
    is_gated = fields.get("format") == GATED_FORMAT
    return {*((RULES,) if fields.get(RULED, False) is not False else ()), *((POLICIES,) if is_gated else ())}


def shown_note(storage: Storage) -> bytes | None:
    """The log's last note as it lies there for everybody, whatever it is; None where there is none.

    Raises ``StorageError``.
    """
    try:
        return storage.documents.read(CHECKPOINT).data
    except KeyNotFound:
        return None


def say(storage: Storage, mark: str) -> None:
    """``registry.json`` says so from now on. Repeatable."""
    while True:
        fields, when = _about(storage)
        if when is not ABSENT and mark in _said(fields):
            return
        with suppress(PreconditionFailed):  # somebody else wrote it: look again
            storage.documents.write(REGISTRY, encode_document({**fields, **_SAID_BY[mark]}), when)


def _about(storage: Storage) -> tuple[dict[str, Any], Condition]:
    """(what the root says of itself, the condition under which it still says so)."""
    try:
        found = storage.documents.read(REGISTRY)
    except KeyNotFound:
        return told_by_journal(storage), ABSENT
    fields = parse_object(found.data)
    if fields is None:
        raise lost(1, f"{REGISTRY} cannot be read")
    return fields, Match(found.etag)


def told_by_journal(storage: Storage) -> dict[str, Any]:
    """What a root without a ``registry.json`` has to say of itself, so that none is less guarded for having lost it."""
    fields: dict[str, Any] = {"format": FORMAT}
    there = [entry for entry in storage.documents.list(REGISTRY_HOME) if not entry.name.startswith(".")]
    if there or storage.documents.noted(REGISTRY_HOME)[0]:  # a lock by itself is of nothing that ever was
        lines = list(Journal(storage, REGISTRY_JOURNAL).lines())
        for mark in sorted({mark for line in lines for mark in marks_of(line)} if lines else {RULES}):
            fields |= _SAID_BY[mark]
    return fields


def document_key(digest: str) -> str:
    """Where the document of that digest lies. Raises ``ValueError`` for what is no digest."""
    sha256 = digest.removeprefix(DIGEST_PREFIX)
    if len(sha256) != 64 or sha256.strip("0123456789abcdef") or not digest.startswith(DIGEST_PREFIX):
        raise ValueError(digest)
    return document(sha256)


def lost(seq: int, fault: str) -> JournalCorrupt:
    """The refusal of a change to a registry whose own journal is not whole."""
    return JournalCorrupt(
        f"The journal of {TITLE} is damaged: event {seq}: {fault}. Nothing was changed. "
        f"Restore {REGISTRY_HOME} from a backup.",
        broken_seq=seq,
        faults=[{"seq": seq, "fault": fault}],
    )

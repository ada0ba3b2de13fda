"""The journal of the registry itself: its events are about the whole of it, and are made like those of a model.

What its events name lies beside it: documents under their own digest, which no later event changes, and what is kept of
tokens. That there is a journal is said in ``registry.json`` too, so that nobody takes a lost one for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ..format.chain import Line
from ..format.encoding import DIGEST_PREFIX, encode_document
from ..format.events import ACCESS, TOKEN
from ..format.layout import FORMAT, REGISTRY, REGISTRY_HOME, REGISTRY_JOURNAL, RULED, document
from ..storage.contract import ABSENT, Condition, KeyNotFound, Match, PreconditionFailed, Storage
from ..vocabulary.errors import JournalCorrupt
from ..vocabulary.texts import parse_object
from .journal import Event, Journal, Subject
from .model import BeforeChange
from .projections import Projection

TITLE = "the registry itself"
NOTED = "it was noted in log/journal/.lock when it was made, and it is not there"
RULING = (ACCESS, TOKEN)  # from the first such event on there are rules of access


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
        if last is None and is_ruled(self.storage):
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
        while self._is_unsaid(event):
            fields, when = _about(self.storage)
            with suppress(PreconditionFailed):  # somebody else wrote it: look again
                self.storage.documents.write(REGISTRY, encode_document({**fields, RULED: True}), when)

    def recover(self, event: Event) -> None:
        self.follow(event)

    def behind(self, event: Event) -> list[str]:
        return [f"{REGISTRY} does not say that there are rules of access"] if self._is_unsaid(event) else []

    def _is_unsaid(self, event: Event) -> bool:
        return event["event"] in RULING and not is_ruled(self.storage)

    def changing(self) -> None:
        if self._before_change is not None:
            self._before_change()

    def changed(self) -> None:
        """Whoever follows it looks at its end."""


def is_ruled(storage: Storage) -> bool:
    """Whether ``registry.json`` says that there are rules of access. Raises ``StorageError``."""
    return _about(storage)[0].get(RULED, False) is not False


def _about(storage: Storage) -> tuple[dict[str, Any], Condition]:
    """(what the root says of itself, the condition under which it still says so)."""
    try:
        found = storage.documents.read(REGISTRY)
    except KeyNotFound:
        return {"format": FORMAT}, ABSENT
    fields = parse_object(found.data)
    if fields is None:
        raise lost(1, f"{REGISTRY} cannot be read")
    return fields, Match(found.etag)


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

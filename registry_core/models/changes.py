"""How a change is made: look, decide, append one event, make true what it says; finish what a crash left undone.

:func:`change` is the only way to change anything, and the only caller of :func:`commit`, which is the only way
to append an event.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..format.chain import Line
from ..storage.contract import PreconditionFailed, Staging
from ..vocabulary.errors import InvalidName, LockTimeout, RegistryError, StorageError, StorageUnavailable
from ..vocabulary.texts import encode, printable
from . import projections
from .journal import Event, Subject
from .package_moves import facts_of
from .projections import PreparedDocument

log = logging.getLogger(__name__)

MAX_BACKOFF_S = 0.05

S = TypeVar("S")
A = TypeVar("A")


@dataclass(frozen=True)
class Draft:
    """An event that is decided and not made yet. ``own``: the fields that only its kind has.

    ``beside``: key -> bytes of documents that the event names, and that must be there before it.
    """

    event: str
    version: str | None
    actor: str | None
    reason: str | None
    alias: str | None = None
    previous_version: str | None = None
    previous_seq: int | None = None
    package_digest: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def fields(self, subject: Subject) -> dict[str, Any]:
        """What the event says, but for its place in the journal. Raises ``InvalidName`` where none can say it."""
        fields = {
            "event": self.event,
            **subject.names(),
            "version": self.version,
            "alias": self.alias,
            "previous_version": self.previous_version,
            **({} if self.previous_seq is None else {"previous_seq": self.previous_seq}),
            **subject.signed(self.actor),
            "reason": self.reason,
            "package_digest": self.package_digest,
            **({} if "attempt" in self.own else {"attempt": uuid.uuid4().hex}),
            **self.own,
        }
        try:
            encode(fields)
        except UnicodeEncodeError:  # older software has made directories of any bytes
            raise InvalidName(
                f"A name in {printable(subject.title)} is no valid Unicode, so no event can be about it.",
                name=printable(self.version),
            ) from None
        return fields


@dataclass(frozen=True)
class Committed(Generic[S]):
    """An event that is in the journal and true, and what was seen when it was decided."""

    event: Mapping[str, Any]
    seen: S


def change(
    subject: Subject,
    look: Callable[[], S],
    decide: Callable[[S], Draft | A],
    *,
    glance: Callable[[], S] | None = None,
    staging: Staging | None = None,
    reserve: Callable[[], None] = lambda: None,
) -> Committed[S] | A:
    """The event that ``decide`` made of what ``look`` saw, committed; or the answer that it gave in its place.

    Both run with the subject held and what crashes left finished; before that once without, so that a request
    that cannot succeed writes nothing (not where bytes are staged: then whoever staged them has looked); ``glance``
    takes the place of ``look`` there, where all of it would cost too much twice. Where a storage has no locks, another
    writer may take the next place in the journal first: then both run again, until the lock timeout. ``reserve`` meets
    whatever the event can still need space for.

    Raises ``LockTimeout``, whatever the two raise, ``JournalCorrupt`` where more is shown of the journal than is in
    it, and as :func:`commit`.
    """
    subject.storage.probe()
    subject.storage.check_guarantees()
    if staging is None:
        answer = look_first(subject, glance or look, decide)
        if answer is not None:
            return answer
    subject.changing()
    deadline = time.monotonic() + subject.lock_timeout_s
    while True:
        with subject.lock():
            last = finish(subject)
            try:
                seen = look()
                decided = decide(seen)
                if isinstance(decided, Draft):
                    event = subject.journal.next_event(last, decided.fields(subject))
                    subject.require_whole(last, event)
                    subject.changing()  # staging and waiting for the lock may have taken hours
                    reserve()
                    commit(subject, event, decided.beside, staging)
                    result: Committed[S] | A = Committed(event, seen)
                else:
                    result = decided
                break
            except PreconditionFailed:
                if time.monotonic() >= deadline:
                    raise LockTimeout(
                        f"Other changes to {subject.title} kept coming first. Nothing was changed; try again.",
                        retry_after_s=2,
                    ) from None
        time.sleep(random.uniform(0, MAX_BACKOFF_S))
    _tell(subject)
    return result


def look_first(subject: Subject, look: Callable[[], S], decide: Callable[[S], Draft | A]) -> A | None:
    """The answer, if one can be given without a change. Takes no lock and writes nothing.

    Raises what the two raise, unless something is pending, or came meanwhile: then only a look under the lock can tell.
    """
    try:
        decided = decide(look())
    except RegistryError:
        # It may be of two moments, where another's change was just made true: a second look is known to be of one.
        last = subject.journal.last()
        if pending(subject):
            return None
        try:
            decided = decide(look())
        except RegistryError:
            if subject.journal.last() != last:
                return None
            raise
    return None if isinstance(decided, Draft) else decided


def _tell(subject: Subject) -> None:
    """Whoever follows the subject hears of the change, which stands whatever becomes of that."""
    try:
        subject.changed()
    except Exception:
        log.exception("%s: a follower failed", subject.title)


def commit(
    subject: Subject, event: dict[str, Any], beside: Mapping[str, bytes] | None = None, staging: Staging | None = None
) -> None:
    """The event is in the journal and true. Call from within :func:`change`.

    Raises ``PreconditionFailed`` and ``StorageError`` with nothing changed. After the append the
    change stands, and what fails then is a ``StorageUnavailable`` with ``committed: true``; where the
    storage cannot say whether the append took effect, ``committed`` is null.
    """
    with ExitStack() as prepared:
        for key, data in (beside or {}).items():
            prepared.enter_context(projections.set_aside(subject.storage, key, data))
        drafts = []
        for projection in subject.documents_of(event):
            drafts.append(PreparedDocument(subject.storage, projection))
            prepared.callback(_quietly, drafts[-1].discard)
        count = subject.count_after(event)
        later = [draft.key for draft in drafts if draft.is_later]
        if later:
            subject.require_reached(later)
        try:
            subject.journal.append(event)
        except StorageUnavailable as error:
            if "committed" not in error.detail:
                raise
            # The event may stand or come to stand: its bytes must not be discarded.
            if staging is not None:
                staging.keep()
            if not _stands(subject, event):
                raise
        # First: whoever loses the journal now is told.
        subject.storage.documents.note(subject.key, event["seq"], count)
        if staging is not None:
            staging.keep()
        with standing(subject, event):
            if staging is not None:
                staging.publish(facts_of(event))
            subject.follow(event)
            for draft in drafts:
                draft.switch()
    _quietly(subject.journal.index)


def _quietly(clear_away: Callable[[], None]) -> None:
    """What is cleared away after a change, or a failure, says nothing of either."""
    try:
        clear_away()
    except Exception:
        log.exception("something is left to a sweep")


def _stands(subject: Subject, event: Event) -> bool:
    try:
        line = subject.journal.line(event["seq"])
    except StorageError:
        return False
    return line is not None and line.fields == event


@contextmanager
def standing(subject: Subject, event: Event) -> Iterator[None]:
    """The event is in the journal: whatever fails here is a ``StorageUnavailable`` with ``committed: true`` (I14)."""
    try:
        yield
    except Exception as error:
        raise _unfinished(subject, event, error) from error


def _unfinished(subject: Subject, event: Event, cause: Exception) -> StorageUnavailable:
    log.error("%s: event %s stands but is not finished: %s", subject.title, event["seq"], cause)
    return StorageUnavailable(
        "The change is recorded and will be completed by the next change to this model or by a sweep, "
        "but the storage failed before it became visible. Do not send it again.",
        committed=True,
        seq=event["seq"],
        retry_after_s=5,
    )


def finish(subject: Subject) -> Line | None:
    """Make true whatever the last event says; call with the subject held. Returns the last line."""
    last = subject.journal.last()
    event, superseded = subject.last_event(last)
    subject.require_whole(last, event)  # else what is made true might be long past
    if event is not None:
        if (subject.storage.documents.noted(subject.key)[0] or 0) > event["seq"] and _steps(subject, event, superseded):
            subject.require_nothing_lost()
        # Its writer may have died before its own fsync; what a power cut can take back is not shown.
        subject.journal.sync(lambda: bool(_steps(subject, event, superseded)))
        subject.recover(event)
        for projection in subject.documents_of(event):
            if projection.key not in superseded:
                projections.write(subject.storage, projection)
    return last


def finish_pending(subject: Subject) -> bool:
    """Finish what a crash left, if anything; whether there was. Raises ``LockTimeout``."""
    if not pending(subject):
        return False
    with subject.lock():
        finish(subject)
    return True


def pending(subject: Subject) -> list[str]:
    """What the last event says that is not true yet; empty if nothing. Writes nothing."""
    event, superseded = subject.last_event(subject.journal.last())
    return _steps(subject, event, superseded) if event is not None else []


def _steps(subject: Subject, event: Event, superseded: frozenset[str]) -> list[str]:
    steps = subject.behind(event)
    for projection in subject.documents_of(event):
        if projection.key not in superseded and projections.is_behind(subject.storage, projection):
            steps.append(projection.title)
    return steps

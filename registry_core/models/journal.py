"""The journal, an append-only, hash-chained log of events and the commit point; and the subject whose it is."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..format.chain import Line, Link, chain, encode_text, next_record, parse_line
from ..format.events import ATTEST, DELETE, FACTS, FINDING, PURGE, REGISTER, REPAIR, RESTORE
from ..format.older import AllBefore
from ..storage.contract import Held, Naming, Search, Storage
from ..vocabulary.errors import ClockBehind, ClockWrong
from ..vocabulary.texts import encode, format_time, parse_time
from .aliases import moves
from .projections import Projection

if TYPE_CHECKING:
    from .asking import Asking

CLOCK = "clock"  # what a repair that stands for the present has mended
CLOCKS_DIFFER_BY = timedelta(minutes=5)


# What a line is found by: the version that it registers, deletes, or is about; an alias that it moves; the idempotency
# key and the commit id of a registration; its kind, of the few kinds that are looked for; that it names an owner.
# SAID: what registers the version, or sets something about it. VOUCHED: what registers it, brings it back, vouches for
# it or finds a fault.
REGISTERED, DELETED, ABOUT, MOVES, SAID, VOUCHED = "registered", "deleted", "about", "moves", "said", "vouched"
KEY, COMMIT, KIND, OWNED, OWNER = "key", "commit", "kind", "owned", "owner"
_KINDS = (REGISTER, REPAIR)
_VOUCHING = (REGISTER, RESTORE, ATTEST, FINDING, FACTS)
_SAID_OF: dict[str, Held] = {  # by each such line, as it stands in it
    kind: [encode_text(REGISTER if kind != DELETED else DELETE)] for kind in (REGISTERED, KEY, COMMIT, DELETED)
}
_SAID_OF[SAID] = [(encode_text(REGISTER), encode_text("set"))]
_SAID_OF[VOUCHED] = [tuple(map(encode_text, _VOUCHING))]


def names_of(raw: bytes) -> list[bytes]:
    """The names that the line is found by. Older software's lines move aliases, and say nothing else."""
    return _names_of(parse_line(0, raw))


def _names_of(line: Line) -> list[bytes]:
    said = line.fields or {}
    found: list[tuple[str, Any]] = [(MOVES, alias) for alias in moves(said)]
    if line.is_own:
        kind, version, used = said.get("event"), said.get("version"), said.get("idempotency")
        found += [(ABOUT, version)]
        found += [(KIND, kind)] if kind in _KINDS else []
        found += [(DELETED, version)] if kind == DELETE else []
        found += [(OWNED, OWNER)] if OWNER in said else []
        found += [(SAID, version)] if kind == REGISTER or said.get("set") is not None else []
        found += [(VOUCHED, version)] if kind in _VOUCHING else []
        if kind == REGISTER:
            key = used.get("key") if isinstance(used, dict) else None
            found += [(REGISTERED, version), (COMMIT, said.get("commit")), (KEY, key)]
    return [_name(kind, text) for kind, text in found if isinstance(text, str)]


def _name(kind: str, text: str) -> bytes:
    return f"{kind}\n{text}".encode("utf-8", "surrogatepass")


def _held(kind: str, text: str) -> Held:
    return [encode_text(text), *_SAID_OF.get(kind, ())]


NAMING = Naming("4", names_of)  # the form is another one whenever other names come of a line


class Journal:
    """One model's log in a storage."""

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key
        self._search: Search | None = None  # the one under way
        self._named = Line(0, b"", None)  # the last of which the names were asked
        self._naming = replace(NAMING, of=self._names)
        self._seen = 0  # it has been seen to have an event of this number

    def lines(self, after: int = 0) -> Iterator[Line]:
        """Every record after ``after``, oldest first, streamed."""
        return (parse_line(seq, raw) for seq, raw in self._storage.documents.records(self._key, after))

    def links(self, names: Mapping[str, str], after: int = 0) -> Iterator[Link]:
        """As :meth:`lines`, each with how it breaks the chain; ``names`` are those of whose journal it is."""
        lines = self.lines(max(0, after - 1))
        return chain(lines, names, next(lines, None) if after > 0 else None)

    def read_anew(self) -> Iterator[Line]:
        """Every record as it lies in the storage now, whatever this process remembers."""
        self._storage.documents.forget(self._key)
        return self.lines()

    @contextmanager
    def searching(self) -> Iterator[Search]:
        """All searches inside find the journal as it is now, or as it has become since, and open it once.

        Inside another it is that one. Call where nobody else searches this journal meanwhile.
        """
        if self._search is not None:
            yield self._search
            return
        with self._storage.documents.searching(self._key) as search:
            self._search = search
            try:
                yield search
            finally:
                self._search = None

    def named(self, kind: str, text: str, before: int | None = None) -> Iterator[Line]:
        """The lines that :func:`names_of` gives the name, the newest first; with ``before`` only those before that."""
        with self._one_search() as search:
            for seq, raw in search.named(_name(kind, text), _held(kind, text), self._naming, before):
                yield self._line(seq, raw)

    def newest(self, kind: str, text: str) -> Line | None:
        """The first of :meth:`named`; what was seen of the journal's end by the way is known to :meth:`has`."""
        with self._one_search() as search:
            seen, found = search.newest(_name(kind, text), _held(kind, text), self._naming)
        self._seen = seen or self._seen
        return self._line(*found) if found is not None else None

    def _names(self, raw: bytes) -> list[bytes]:
        self._named = line = parse_line(0, raw)
        return _names_of(line)

    def _line(self, seq: int, raw: bytes) -> Line:
        """The line, which is not parsed again if its names were asked a moment ago."""
        known = self._named
        return Line(seq, raw, known.fields) if known.raw == raw else parse_line(seq, raw)

    def _one_search(self) -> AbstractContextManager[Search]:
        """For one search: the one under way, or one of its own, which others that begin meanwhile have no part in."""
        return self._storage.documents.searching(self._key) if self._search is None else nullcontext(self._search)

    def moves(self, alias: str, last: int | None) -> Iterator[Line]:
        """The events that moved the alias, the newest first, which is ``last`` where that is known.

        Each says which one was before it; where one does not, the rest is looked for.
        """
        before = None
        while last is not None and 0 < last < (before or last + 1):
            line = self.line(last)
            if line is None or alias not in moves(line.fields or {}):
                break
            yield line
            said = line.get("previous_seq") if line.get("alias") == alias else None
            before, last = last, said if isinstance(said, int) else None
        if last != 0:
            yield from self.named(MOVES, alias, before)

    def index(self) -> None:
        """What was appended is found by its names as cheaply as the rest. Call with the lock held; never raises."""
        self._storage.documents.index(self._key, NAMING)

    def last(self) -> Line | None:
        found = self._storage.documents.last(self._key)
        return parse_line(*found) if found else None

    def reaches(self, seq: int) -> bool:
        """Whether the journal has an event of that number; costs no walk through it."""
        last = self.last() if seq > 0 else None
        return seq <= 0 or (last is not None and last.seq >= seq)

    def has(self, seq: int) -> bool:
        """As :meth:`reaches`, or it was so a moment ago; of a store over a network one read at most."""
        if seq <= self._seen:
            return True
        if self._storage.documents.looks_are_cheap():
            return self.reaches(seq)
        return self.line(seq) is not None

    def is_torn(self) -> bool:
        """Whether a crash has left a piece of a line behind the last event, which the next append removes."""
        return self._storage.documents.is_torn(self._key)

    def next_event(self, last: Line | None, fields: dict[str, Any]) -> dict[str, Any]:
        """The next event as it would be appended now. Call with the model's lock held.

        Raises ``ClockBehind`` where the last event is later than any two clocks may differ.
        """
        prefix = ""
        if last is None or not last.is_own:
            prefix = AllBefore(raw for _, raw in self._storage.documents.records(self._key)).digest
        now = datetime.now(UTC)
        event = next_record(last, prefix, fields, now)
        if fields.get("repaired") == CLOCK:
            return {**event, "ts_utc": format_time(now)}  # the one event that may be earlier than the one before it
        before = parse_time(last.get("ts_utc")) if last is not None and last.is_own else None
        if before is not None and before - now > CLOCKS_DIFFER_BY:
            raise _behind(event, format_time(before), format_time(now))
        return event

    def append(self, event: dict[str, Any]) -> None:
        """The event is in the journal, durably: it *is* the change. On failure nothing changed.

        Raises ``PreconditionFailed`` if another writer has taken its place.
        """
        self._storage.documents.append(self._key, encode(event), event["seq"])

    def sync(self, is_needed: Callable[[], bool]) -> None:
        """What :meth:`lines` shows is durable, if that is needed: before an event of somebody else is made true."""
        self._storage.documents.sync(self._key, is_needed)

    def line(self, seq: int) -> Line | None:
        """The record of that number, or None."""
        found = self._storage.documents.record(self._key, seq)
        return parse_line(seq, found) if found is not None else None


def _behind(event: Mapping[str, Any], before: str, now: str) -> ClockBehind:
    task, model_name, seq = event.get("task"), event.get("model_name"), event["seq"] - 1
    whose, named = (f"{task}/{model_name}", f" {task} {model_name}") if task else ("the registry's own journal", "")
    return ClockBehind(
        f"Event {seq} of {whose} says that it was made at {before}, and here it is {now}. "
        "Nothing was changed. If this clock is wrong, set it right; if it was that of the event, "
        f"'omr repair clock{named} --yes' says so in the journal.",
        seq=seq,
        ts_utc=before,
        now=now,
    )


Event = Mapping[str, Any]


def is_of_package(event: Event) -> bool:
    """Whether the event says anything of a package as a whole."""
    return event["event"] in (REGISTER, DELETE, RESTORE, PURGE) or event.get("set") is not None


@dataclass(frozen=True)
class By:
    """Who makes a change, as far as that was verified; ``name`` is what to call it."""

    name: str
    principal: Mapping[str, str]


class Subject(ABC):
    """A journal, its lock, and what follows its events. Making one touches nothing.

    ``by``: who makes its events; None where callers are not told apart, and are what they say.
    ``names_nobody``: whoever reads is not told who has deleted a version. ``asking``: whether whoever reads or works
    for long may go on; None where nobody is asked anything.
    """

    by: By | None = None
    names_nobody = False
    asking: Asking | None = None

    def __init__(self, storage: Storage, key: str, journal: Journal, lock_timeout_s: float) -> None:
        self.storage = storage
        self.key = key
        self.journal = journal
        self.lock_timeout_s = lock_timeout_s

    @property
    @abstractmethod
    def title(self) -> str:
        """What to call it in a sentence."""

    def signed(self, actor: str | None) -> dict[str, Any]:
        """What an event says of who made it. ``actor``: who the caller says it is."""
        if self.by is None:
            return {"actor": actor}
        claimed = {} if actor is None else {"claimed_actor": actor}
        return {"actor": self.by.name, **claimed, "principal": dict(self.by.principal)}

    def lock(self) -> AbstractContextManager[None]:
        """Nobody else changes it meanwhile, where the storage has locks. Raises ``LockTimeout``."""
        return self.storage.documents.lock(self.key, self.lock_timeout_s)

    @abstractmethod
    def names(self) -> dict[str, Any]:
        """What each of its events says of whose it is."""

    @abstractmethod
    def last_event(self, last: Line | None) -> tuple[Event | None, frozenset[str]]:
        """(our event that may not be finished yet, documents that others have written since); ``last`` ends the log."""

    @abstractmethod
    def require_whole(self, last: Line | None, event: Event | None) -> None:
        """The journal, which ``last`` ends, has all that is shown of it where a change looks that makes the event.

        Raises ``JournalCorrupt``.
        """

    @abstractmethod
    def require_nothing_lost(self) -> None:
        """The journal is not even suspected to be short. Raises ``JournalCorrupt``."""

    @abstractmethod
    def require_reached(self, keys: Iterable[str]) -> None:
        """The journal has the events that are shown there now. Raises ``JournalCorrupt``."""

    @abstractmethod
    def documents_of(self, event: Event) -> list[Projection]:
        """The documents that the event changes."""

    @abstractmethod
    def count_after(self, event: Event) -> int | None:
        """How many documents there are that a list of them must have, once the event is true; None: nobody counts."""

    @abstractmethod
    def follow(self, event: Event) -> None:
        """Whatever the event says beside documents is true. Repeatable.

        Raises ``KeyNotFound`` and ``PreconditionFailed`` where that cannot be.
        """

    @abstractmethod
    def recover(self, event: Event) -> None:
        """As :meth:`follow`, after a crash; what cannot be done is logged, and never invented."""

    @abstractmethod
    def behind(self, event: Event) -> list[str]:
        """What the event says beside documents and is not true yet, in words. Writes nothing."""

    @abstractmethod
    def changing(self) -> None:
        """Called before each change, and again before its event: whether it may be, where the registry lies now."""

    @abstractmethod
    def changed(self) -> None:
        """Called after each change, by whoever made it."""


def require_clock(storage: Storage) -> None:
    """This clock is about that of the storage, where that can be told. Raises ``ClockWrong``."""
    before = time.time()
    there, most = storage.now(), CLOCKS_DIFFER_BY.total_seconds()
    if there is not None and not before - most < there < time.time() + most:
        here, there_said = (format_time(datetime.fromtimestamp(at, UTC)) for at in (before, there))
        raise ClockWrong(
            f"By this host's clock it is {here}, by that of the storage {there_said}. Events would bear a wrong "
            "time for ever, so nothing was changed. Set the clock right that is wrong.",
            now=here,
            storage_now=there_said,
        )

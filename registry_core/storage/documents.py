"""The contract of documents, logs and lines: what is changed by compare-and-swap, and what is only ever appended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Reversible, Sequence
from contextlib import AbstractContextManager, nullcontext

from .values import ANY, Condition, Document, Entry, Held, Naming, Newest, holds


class Prepared(ABC):
    """A document write whose every need for space is met; only the switch is left."""

    @abstractmethod
    def switch(self) -> Document:
        """The document is written, durably. Raises ``PreconditionFailed``."""

    @abstractmethod
    def discard(self) -> None:
        """Nothing is left of it, or a sweep removes it. Harmless after the switch; never raises."""


class Search(ABC):
    """Searches of one log, by whoever asked for it and nobody else at the same time."""

    @abstractmethod
    def named(self, name: bytes, held: Held, naming: Naming, before: int | None = None) -> Iterator[tuple[int, bytes]]:
        """The records that have the name, the newest first; with ``before`` only those below that number.

        ``held``: parts that each of them holds, so that few others need be looked at closely. What it takes
        does not depend on the log where an index is kept.
        """

    def newest(self, name: bytes, held: Held, naming: Naming) -> Newest:
        """(the number of the last record, 0 where it was not come upon; the newest that :meth:`named` gives)."""
        return 0, next(self.named(name, held, naming), None)


class SearchOfAll(Search):
    """Of a log without an index: each search reads all of it."""

    def __init__(self, documents: Documents, log: str) -> None:
        self._documents, self._log = documents, log

    def named(self, name: bytes, held: Held, naming: Naming, before: int | None = None) -> Iterator[tuple[int, bytes]]:
        found = (one for one in self._documents.records(self._log) if holds(one[1], held) and name in naming.of(one[1]))
        yield from reversed([one for one in found if before is None or one[0] < before])


class Documents(ABC):
    """The documents and logs of one root, what lies where in it, and the lock of a key."""

    # documents

    @abstractmethod
    def read(self, key: str) -> Document:
        """The newest document. Raises ``KeyNotFound``."""

    @abstractmethod
    def prepare(self, key: str, data: bytes, when: Condition = ANY, *, is_private: bool = False) -> Prepared:
        """Do now whatever the write could fail for want of space.

        Where documents have modes, nobody but this process's user may ever read one that ``is_private``.
        """

    def write(self, key: str, data: bytes, when: Condition = ANY, *, is_private: bool = False) -> Document:
        """Whole and durable on return, or not at all. Raises ``PreconditionFailed``."""
        prepared = self.prepare(key, data, when, is_private=is_private)
        try:
            return prepared.switch()
        finally:
            prepared.discard()

    @abstractmethod
    def delete(self, key: str) -> None:
        """The document is gone, whether or not it was there."""

    @abstractmethod
    def delete_if_locked(self, key: str) -> None:
        """The document is gone, if the lock that the caller holds has kept others from writing it.

        Where locks keep nobody out it stays: it may be another's by now.
        """

    @abstractmethod
    def remove(self, key: str, gone: bytes, when: Condition = ANY) -> None:
        """Nobody finds a thing at the key, durably: there is no document, or one that says ``gone``.

        The second where locks keep nobody out, so that a slow writer finds it. Raises ``PreconditionFailed``.
        """

    # what lies where

    @abstractmethod
    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        """What lies below ``prefix``, sorted by key; whole segments only; nothing if absent.

        One level, directories as ``prefix``; with ``deep`` every file at any depth, and none.
        """

    def names(self, prefix: str) -> Sequence[str]:
        """The names of all that lies directly below ``prefix``, whatever it is."""
        return [entry.name for entry in self.list(prefix)]

    def list_after(self, prefix: str, after: str) -> Iterator[Entry]:
        """The files directly below ``prefix`` whose keys sort behind ``after``."""
        return (entry for entry in self.list(prefix) if entry.kind == "file" and entry.key > after)

    def size(self, key: str) -> int | None:
        """How many bytes the file has that lies there, None where none does; where looks are cheap, at one look."""
        above, _, _ = key.rpartition("/")
        return next((entry.size_bytes for entry in self.list(above) if entry.key == key), None)

    def mark(self, key: str) -> str | None:
        """A text that differs whenever what lies at the key has changed since, at the cost of one look.

        Of a document or a log: its bytes; of a prefix: the names directly below it. Empty if nothing is
        there. None: it cannot be told without reading (or has changed so lately that it may again).
        """
        return None

    def looks_are_cheap(self) -> bool:
        """Whether looking at every key again and again costs next to nothing.

        Else each look is a request, and who wants to know what others have changed must be told by them.
        """
        return True

    # logs

    @abstractmethod
    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        """The record is entry ``expected_seq`` (from 1) of the log, durably; one writer wins it.

        Call with the lock of whose the log is. An incomplete last record is removed first. A failure leaves the log
        as it was. Raises ``PreconditionFailed`` if the log is longer or shorter than ``expected_seq - 1``.
        """

    @abstractmethod
    def replace_end(self, log: str, after: int, records: Sequence[bytes], aside: str) -> bool:
        """``records`` follow entry ``after``, durably; what stood behind it lies at ``aside``, byte for byte.

        Whether there was anything to set aside. Call with the lock of whose the log is. A crash in between leaves a
        shorter log, and what was set aside. Raises ``PreconditionFailed`` if another writer has the last one's place.
        """

    @abstractmethod
    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Records from ``after + 1`` on, as (seq, bytes without newline); complete ones only."""

    def record(self, log: str, seq: int) -> bytes | None:
        """The one record of that number, or None."""
        found = next(self.records(log, seq - 1), None)
        return found[1] if found else None

    def searching(self, log: str) -> AbstractContextManager[Search]:
        """Searches of the log, which find it as it is now, or as it has become since.

        Where a log has to be opened, it is once for all of them.
        """
        return nullcontext(SearchOfAll(self, log))

    def index(self, log: str, naming: Naming) -> None:  # noqa: B027 - most logs have none
        """What was appended is found by its names, and numbers, without reading all of the log. Never raises.

        Call with the lock of whose the log is. The index is no part of what is stored: nothing depends on it.
        """

    @abstractmethod
    def last(self, log: str) -> tuple[int, bytes] | None:
        """The last complete record, or None, at a cost that does not grow with the log.

        A record whose fields have a number ``seq`` and a text ``prev`` says which record it is, and may be believed.
        """

    def is_torn(self, log: str) -> bool:
        """Whether an incomplete record follows the last one: what a crash can leave, and the next append removes."""
        return False

    def sync(self, log: str, is_needed: Callable[[], bool]) -> None:  # noqa: B027 - most logs show nothing else
        """If it is needed, every record that can be read now is durable, also one whose writer died on the way.

        ``is_needed`` is asked only where a log can show a record that is not durable.
        """

    def forget(self, log: str) -> None:  # noqa: B027 - most storages remember nothing
        """What is read of the log from now on is what is there now, and not what was remembered of it."""

    # lines, which many append at once and nobody numbers

    @abstractmethod
    def append_lines(self, home: str, lines: Mapping[str, bytes]) -> None:
        """Every name below ``home`` has its lines behind those that it had, durably.

        They are whole, each with its newline; what is torn before them gets one. Lines that one call gives a name stay
        together. A failure leaves every name as it was; of a crash, and where ``committed`` is null, any part may stay.
        """

    @abstractmethod
    def lines(self, home: str, within: str) -> Mapping[str, Reversible[bytes]]:
        """Name -> its lines, each with its newline, of every name directly below ``within`` below ``home``.

        The newest is last. What a dead writer has left of a line is among them as it is.
        """

    def fold_lines(self, home: str) -> None:  # noqa: B027 - most storages keep them in one piece
        """Lines that lie in many pieces lie in one from now on, and are read as before; others may append meanwhile."""

    # locks

    def note(self, key: str, number: int, count: int | None = None) -> None:  # noqa: B027 - only where it costs little
        """:meth:`noted` gives both from now on; call with the key's lock held. Never raises.

        A power cut may take it back.
        """

    def noted(self, key: str) -> tuple[int | None, int | None]:
        """(number, count) as they were noted last about the key; None where none is, or none can be read."""
        return None, None

    @abstractmethod
    def lock(self, key: str, timeout_s: float) -> AbstractContextManager[None]:
        """Exclusive for ``key`` across threads and processes, where there are locks. Raises ``LockTimeout``.

        Else only conditional writes keep others out.
        """

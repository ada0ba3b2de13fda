"""The storage contract: what the registry needs from a disk or an object store, and no more.

Keys are relative POSIX paths; values are bytes. *Documents* are small and changed by
compare-and-swap, *logs* are append-only sequences of one-line JSON records, *packages* are
write-once trees. A storage knows no task, alias or version. ``tests/contract/storage.py`` is this
text as a test suite; a backend is done when it passes.

Only these errors escape: :class:`KeyNotFound`, :class:`PreconditionFailed`, and the storage
branch of :mod:`registry_core.vocabulary.errors`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import Any, BinaryIO, Protocol

from ..vocabulary.artifact import Artifact
from .values import (
    ABSENT,
    ANY,
    Attempt,
    Condition,
    Document,
    Entry,
    Facts,
    KeyNotFound,
    Match,
    PreconditionFailed,
    Presence,
    StorageOptions,
    check_key,
    outcome_unknown,
)

__all__ = [
    "ABSENT",
    "ANY",
    "Artifact",
    "Attempt",
    "Condition",
    "Document",
    "Entry",
    "Facts",
    "KeyNotFound",
    "Match",
    "PreconditionFailed",
    "Prepared",
    "Presence",
    "Readable",
    "Source",
    "Staging",
    "Storage",
    "StorageOptions",
    "check_key",
    "outcome_unknown",
]


class Source(Protocol):
    """Bytes to take in: writes all of itself to ``sink`` and returns (SHA-256 hex, size)."""

    def pour(self, sink: BinaryIO) -> tuple[str, int]: ...


class Readable(Protocol):
    """A streamed reader of bytes; use it as a context manager."""

    def read(self, size: int = -1, /) -> bytes: ...

    def readinto(self, buffer: memoryview, /) -> int | None: ...

    def close(self) -> None: ...

    def __enter__(self) -> Readable: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Prepared(ABC):
    """A document write whose every need for space is met; only the switch is left."""

    @abstractmethod
    def commit(self) -> Document:
        """The document is written, durably. Raises ``PreconditionFailed``."""

    @abstractmethod
    def discard(self) -> None:
        """Nothing is left of it, or a sweep removes it. Harmless after a commit; never raises."""


class Staging(AbstractContextManager["Staging"]):
    """A package in the making, seen by nobody else and held while the context lasts.

    Leaving the context discards it, unless :meth:`keep` or :meth:`publish` was called.
    """

    attempt: str

    @abstractmethod
    def add(self, path: str, source: Source) -> Artifact:
        """The file is staged, and hashed from the very bytes written. Thread-safe."""

    @abstractmethod
    def seal(self) -> None:
        """Everything added is durable and read-only."""

    @abstractmethod
    def reserve(self) -> None:
        """Publishing needs no more space. ``PreconditionFailed`` if something is there already."""

    @abstractmethod
    def keep(self) -> None:
        """From here on the attempt belongs to a committed event: leaving no longer discards it."""

    @abstractmethod
    def publish(self, facts: Facts) -> None:
        """The package is visible, whole and durable. Repeatable after a crash at any point.

        ``facts`` are kept beside it where the storage keeps a document for it. Raises
        ``PreconditionFailed`` if other bytes are there, ``KeyNotFound`` if nothing was staged and
        nothing is there.
        """

    @abstractmethod
    def discard(self) -> None:
        """Nothing is left of the attempt."""


class Storage(ABC):
    """One root of keys. Instances are thread-safe, and any number may serve one root.

    ``shows_only_durable``: whether a record of a log that can be read is durable; else see :meth:`sync`.
    ``scans_logs_cheaply``: whether reading a whole log costs less than a few small reads.
    ``reads_fail_for_good``: whether a read that fails says something of the bytes, as a disk's does, and
    not only of the moment, as that of a store over a network. ``has_locks``: whether :meth:`lock` keeps
    others out; else only conditional writes do.
    """

    shows_only_durable = True
    scans_logs_cheaply = True
    reads_fail_for_good = True
    has_locks = True

    @abstractmethod
    def read(self, key: str) -> Document:
        """The newest document. Raises ``KeyNotFound``."""

    @abstractmethod
    def prepare(self, key: str, data: bytes, when: Condition = ANY) -> Prepared:
        """Do now whatever the write could fail for want of space."""

    def write(self, key: str, data: bytes, when: Condition = ANY) -> Document:
        """Whole and durable on return, or not at all. Raises ``PreconditionFailed``."""
        prepared = self.prepare(key, data, when)
        try:
            return prepared.commit()
        finally:
            prepared.discard()

    @abstractmethod
    def delete(self, key: str) -> None:
        """The document is gone, whether or not it was there."""

    @abstractmethod
    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        """What lies below ``prefix``, sorted by key; whole segments only; nothing if absent.

        One level, directories as ``prefix``; with ``deep`` every file at any depth, and none.
        """

    def list_after(self, prefix: str, after: str) -> Iterator[Entry]:
        """The files directly below ``prefix`` whose keys sort behind ``after``."""
        return (entry for entry in self.list(prefix) if entry.kind == "file" and entry.key > after)

    def mark(self, key: str) -> str | None:
        """A text that differs whenever what lies at the key has changed since, at the cost of one look.

        Of a document or a log: its bytes; of a prefix: the names directly below it. Empty if nothing is
        there. None: it cannot be told without reading (or has changed so lately that it may again).
        """
        return None

    @abstractmethod
    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        """The record is entry ``expected_seq`` (from 1) of the log, durably; one writer wins it.

        An incomplete last record is removed first. A failure leaves the log as it was. Raises
        ``PreconditionFailed`` if the log is longer or shorter than ``expected_seq - 1``.
        """

    @abstractmethod
    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Records from ``after + 1`` on, as (seq, bytes without newline); complete ones only."""

    def record(self, log: str, seq: int) -> bytes | None:
        """The one record of that number, or None."""
        found = next(self.records(log, seq - 1), None)
        return found[1] if found else None

    def forget(self, log: str) -> None:  # noqa: B027 - most storages remember nothing
        """What is read of the log from now on is what is there now, and not what was remembered of it."""

    @abstractmethod
    def last(self, log: str) -> tuple[int, bytes] | None:
        """The last complete record, or None."""

    def sync(self, log: str) -> None:  # noqa: B027 - most logs show nothing that is not durable
        """Every record that can be read now is durable, also one whose writer died on the way."""

    @abstractmethod
    def stage(self, package: str, attempt: str | None = None) -> Staging:
        """A new attempt at the package; or, by name, one that a crash left (empty if it is gone)."""

    @abstractmethod
    def staged(self) -> Iterator[Attempt]:
        """Every attempt not yet published or discarded."""

    @abstractmethod
    def sweep(self, min_age_s: float) -> AbstractContextManager[Sequence[Staging]]:
        """Hold every attempt that nobody holds and that is older, so that none can come alive."""

    @abstractmethod
    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        """A streamed reader of one file of a package. Raises ``KeyNotFound``."""

    def local_path(self, package: str, path: str) -> str | None:
        """The absolute path of a package's file, where it is a file of this machine; it may be gone."""
        return None

    def presign(self, package: str, path: str, expires: timedelta) -> str | None:
        """An address that lets anybody read the file for so long; None where there is none."""
        return None

    @abstractmethod
    def locate(self, package: str) -> str:
        """Where the package lies: absolute path or URI. Raises ``KeyNotFound``."""

    def facts(self, package: str) -> Facts | None:
        """What was said of the package, retired or not; None where only the journal keeps it."""
        return None

    def annotate(  # noqa: B027 - as facts
        self, package: str, seq: int, notes: Mapping[str, Any], registered: Facts | None = None
    ) -> None:
        """The package's facts have these notes too, unless an event later than ``seq`` has changed them.

        ``registered``: the seq and the digest of an event that registers a package which was there before.
        """

    @abstractmethod
    def retire(self, package: str, grave: str, seq: int) -> None:
        """Nobody finds the package any more; its bytes are kept, at ``grave`` where they have to move.

        Repeatable after a crash at any point; does nothing if an event later than ``seq`` has moved
        it. Raises ``KeyNotFound`` if there is no such package, ``PreconditionFailed`` if something
        else is at ``grave``.
        """

    @abstractmethod
    def reinstate(self, package: str, grave: str, seq: int) -> None:
        """The retired package is back, whole and sealed as before. Repeatable, and raises, as retire."""

    @abstractmethod
    def retired(self, package: str, grave: str) -> str | None:
        """The key by which :meth:`open` and :meth:`list` reach a retired package; None if it is gone."""

    @abstractmethod
    def erase(self, package: str, grave: str) -> None:
        """The bytes of a retired package are gone. Repeatable."""

    def check_guarantees(self) -> None:  # noqa: B027 - most storages have nothing to prove
        """The store does what this contract builds on; asked once before the first change.

        Raises ``NotConfigured`` saying what it fails to do.
        """

    @abstractmethod
    def sealed(self, package: str) -> bool:
        """Whether the package is published and finally read-only."""

    @abstractmethod
    def lock(self, key: str, timeout_s: float) -> AbstractContextManager[None]:
        """Exclusive for ``key`` across threads and processes. Raises ``LockTimeout``."""

    @abstractmethod
    def probe(self, *, for_writing: bool = True) -> int | None:
        """Bytes free (None: unbounded) of a root that is there and writable, or at least readable.

        Raises ``NotConfigured`` with the reason otherwise. Writes nothing.
        """

"""The storage contract: what the registry needs from a disk or an object store, and no more.

Keys are relative POSIX paths; values are bytes. *Documents* are small and changed by
compare-and-swap, *logs* are append-only sequences of one-line JSON records, *packages* are
write-once trees. A storage knows no task, alias or version. ``tests/contract/storage.py`` is this
text as a test suite; a backend is done when it passes.

Only these errors escape: :class:`KeyNotFound`, :class:`PreconditionFailed`, and the storage
branch of :mod:`registry_core.errors`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import BinaryIO, Protocol

from ..errors import InvalidName, StorageUnavailable


class KeyNotFound(LookupError):
    """Nothing is stored under the key."""


class PreconditionFailed(Exception):
    """Somebody else was first; nothing was written."""


@dataclass(frozen=True)
class Document:
    """A small value as it was at one moment; ``etag`` names exactly these bytes."""

    data: bytes
    etag: str


@dataclass(frozen=True)
class Entry:
    """One thing below a prefix. ``kind`` is ``file``, ``prefix`` (a directory) or ``other``."""

    key: str
    kind: str
    size_bytes: int | None = None

    @property
    def name(self) -> str:
        return self.key.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Artifact:
    """One staged file: its path in the package, its SHA-256 in hex, its size."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Attempt:
    """Staged work that is not published. ``alive``: somebody still holds it.

    ``empty`` is true where nothing but the shell is left, as after a publish.
    """

    name: str
    age_s: float
    alive: bool
    empty: bool


@dataclass(frozen=True)
class Match:
    """Write only over the document with this etag."""

    etag: str


class Presence(Enum):
    ANY = "any"
    ABSENT = "absent"


ANY = Presence.ANY
ABSENT = Presence.ABSENT
Condition = Presence | Match


@dataclass(frozen=True)
class StorageOptions:
    """What a storage may need to be told beside its root.

    ``endpoint`` and ``region`` are an S3 store's; ``quote_etags`` false sends the ETag of a
    conditional write without its quotes (Ceph wants that).
    """

    endpoint: str | None = None
    region: str | None = None
    quote_etags: bool = True


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
        """Nothing is left of it. Harmless after a commit."""


@dataclass(frozen=True)
class Facts:
    """What a pointer document says of a package: the event that registered it, and its digest.

    A projection of the journal, kept so that one small read finds both. ``seq`` is None for a
    package that no event registers, and both are for one without a manifest.
    """

    seq: int | None
    package_digest: str | None


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

    ``scans_logs_cheaply``: whether reading a whole log costs less than a few small reads.
    """

    scans_logs_cheaply = True

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

    @abstractmethod
    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        """The record is entry ``expected_seq`` (from 1) of the log, durably; one writer wins it.

        An incomplete last record is removed first. A failure leaves the log as it was. Raises
        ``PreconditionFailed`` if the log is longer or shorter than ``expected_seq - 1``.
        """

    @abstractmethod
    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Records from ``after + 1`` on, as (seq, bytes without newline); complete ones only."""

    @abstractmethod
    def last(self, log: str) -> tuple[int, bytes] | None:
        """The last complete record, or None."""

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

    @abstractmethod
    def locate(self, package: str) -> str:
        """Where the package lies: absolute path or URI. Raises ``KeyNotFound``."""

    def facts(self, package: str) -> Facts | None:
        """What was said when the package was published; None where only the journal keeps it."""
        return None

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
    def probe(self) -> int | None:
        """Bytes free (None: unbounded) of a root that is there and writable.

        Raises ``NotConfigured`` with the reason otherwise. Writes nothing.
        """


def outcome_unknown() -> StorageUnavailable:
    """The error of a write that may have taken effect: ``committed`` is there, and null."""
    return StorageUnavailable(
        "The storage failed while the change was being recorded, and cannot say whether it was. "
        "Look before sending it again, or send it with the same Idempotency-Key.",
        committed=None,
        retry_after_s=5,
    )


def check_key(key: str) -> str:
    """``key`` itself, if it is a relative POSIX path of plain segments; else ``InvalidName``."""
    parts = key.split("/")
    if any(part in ("", ".", "..") or "\x00" in part for part in parts):
        raise InvalidName(f"{key!r} is not a storage key.", name=key)
    return key

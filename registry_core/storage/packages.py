"""The contract of packages: trees of files that are staged, published as a whole, and never changed after."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, BinaryIO, Protocol

from ..vocabulary.artifact import Artifact
from ..vocabulary.errors import InvalidParameter
from .values import Attempt, Facts


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


Prove = Callable[[Readable], tuple[str, int]]  # reads all that is left, and gives (SHA-256 hex, bytes)


def read_all(reader: Readable) -> bytes:
    """All that the reader still holds; it is small."""
    return b"".join(iter(lambda: reader.read(1024 * 1024), b""))


@dataclass(frozen=True)
class Glance:
    """The bytes of those of the files that are there, and how many bytes all files of the package have."""

    files: Mapping[str, bytes]
    size_bytes: int


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
    def open(self, path: str, start: int = 0, length: int | None = None) -> Readable:
        """A streamed reader of a file that was added, as :meth:`Packages.open`. Raises ``KeyNotFound``."""

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


class Packages(ABC):
    """The packages of one root; :meth:`Documents.list` shows the files of one."""

    # in the making

    @abstractmethod
    def stage(self, package: str, attempt: str | None = None) -> Staging:
        """A new attempt at the package; or, by name, one that a crash left (empty if it is gone)."""

    @abstractmethod
    def staged(self) -> Iterator[Attempt]:
        """Every attempt not yet published or discarded."""

    @abstractmethod
    def sweep(self, min_age_s: float) -> AbstractContextManager[Sequence[Staging]]:
        """Hold every attempt that nobody holds and that is older, so that none can come alive."""

    # published

    @abstractmethod
    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        """A streamed reader of one file of a package. Raises ``KeyNotFound``."""

    def read(self, package: str, path: str) -> bytes:
        """The whole of a small file of a package. Raises ``KeyNotFound``, ``StorageError``."""
        with self.open(package, path) as reader:
            return read_all(reader)

    def glance(self, package: str, paths: Sequence[str], most_bytes: int) -> Glance | None:
        """What the package holds, at one look; None where it takes more, or anything is in the way of it.

        ``paths`` are of files directly in it, of each of which the first ``most_bytes`` are read.
        """
        return None

    def local_path(self, package: str, path: str) -> str | None:
        """The absolute path of a package's file, where it is a file of this machine; it may be gone."""
        return None

    def presign(self, package: str, path: str, expires: timedelta) -> str | None:
        """An address that lets anybody read the file for so long; None where there is none."""
        return None

    @abstractmethod
    def locate(self, package: str) -> str:
        """Where the package lies: absolute path or URI. Raises ``KeyNotFound``."""

    @abstractmethod
    def sealed(self, package: str) -> bool:
        """Whether the package is published and finally read-only."""

    def reseal(self, package: str) -> None:  # noqa: B027 - nothing, where every package is sealed by its storage
        """The package is read-only again. Raises ``KeyNotFound``."""

    # what is said of them

    @abstractmethod
    def keeps_facts(self) -> bool:
        """Whether :meth:`facts` are kept of every package that an event ever named, so that no log need be searched."""

    @abstractmethod
    def facts(self, package: str) -> Facts | None:
        """What was said of the package, retired or not; None where only the journal keeps it."""

    def annotate(  # noqa: B027 - nothing, where only the journal keeps them
        self, package: str, seq: int, notes: Mapping[str, Any], registered: Facts | None = None
    ) -> None:
        """The package's facts have these notes too, unless an event later than ``seq`` has changed them.

        ``registered``: the seq and the digest of an event that registers a package which was there before.
        """

    def set_aside(self, package: str, path: str, to: str) -> None:
        """What lies at the path, and is no part of the package, is at the key. Raises ``KeyNotFound``."""
        raise InvalidParameter("Only on a filesystem can files be moved out of a package.", field="root")

    # retired

    def longest_path(self, package: str) -> int | None:
        """How many bytes the path of a file in the package may have at most; None where nobody knows before."""
        return None

    def require_movable(self, source: str, target: str) -> None:  # noqa: B027 - most storages move nothing
        """A package can be moved from the one key to the other, in either way; asked before an event says so.

        Raises ``NotConfigured`` and ``StorageUnavailable`` naming the place. Makes nothing.
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
        """The key by which :meth:`open` and :meth:`Documents.list` reach a retired package; None if it is gone."""

    @abstractmethod
    def erase(self, package: str, grave: str) -> None:
        """The bytes of a retired package are gone. Repeatable."""

    def keeps_erased(self) -> bool | None:
        """Whether the store goes on keeping what is erased, as old versions; None where it does not say."""
        return False

    def remains(self, package: str) -> int | None:
        """Bytes of an erased package that the store keeps as old versions; None where it does not say."""
        return 0

    def remove_remains(self, package: str) -> int:
        """Nothing is kept of what was erased of the package; returns how many bytes that were.

        Raises ``InvalidParameter`` where nobody can remove it.
        """
        raise InvalidParameter("Only an object store keeps old versions of what is removed.", field="old_versions")

"""The contract of the place where bytes wait that arrive over a network, until they become a package.

A *session* has an id, a document that says what it is for, and files; a file has an id, the path that it shall
have in the package, a length that was said beforehand, and as many bytes as have arrived. Ids are 32 hex digits,
so no name that a caller chose ever becomes a place. Only the errors of :mod:`.contract` and of the registry escape.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..vocabulary.artifact import Artifact
from ..vocabulary.errors import UploadLocked
from .packages import Prove, Readable, Staging
from .values import Document, KeyNotFound

UPLOADS = ".uploads"
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Incoming:
    """One file of a session. ``sha256`` (hex) is None until it is complete and its digest is recorded.

    ``made`` tells it from an earlier file of the same id, where ids come again. ``mark`` says, where a storage needs
    that, how the file lay there when it was complete: one that anybody has changed since has another. ``described`` is
    what its caller said of it, which is kept as it is.
    """

    file_id: str
    path: str
    size_bytes: int
    offset: int
    sha256: str | None
    made: str = ""
    mark: str = ""
    described: str = ""


@dataclass(frozen=True)
class SessionFiles:
    """What the files of a session come to. ``paths``: path -> (file id, size); None where that costs too much.

    ``directories`` are those that the paths lead through.
    """

    files: int
    size_bytes: int
    paths: Mapping[str, tuple[str, int]] | None = None
    directories: Container[str] = ()


# Decides, from what a session has, whether a file may come to it: it raises, or gives the id of one that is there.
Admit = Callable[[SessionFiles], str | None]


class Receiving(AbstractContextManager["Receiving"]):
    """The one writer of a file, which stands at ``file.offset``. What is not kept is gone when it leaves."""

    file: Incoming

    @abstractmethod
    def write(self, chunk: memoryview, /) -> int:
        """Takes the bytes behind those before; all of them, or an error."""

    @abstractmethod
    def keep(self, count: int, sha256: str | None) -> Incoming:
        """The first ``count`` bytes written since the beginning are durable, and the others are gone.

        ``sha256``: of the whole file, where these complete it. Call it once.
        """


class Packing(AbstractContextManager["Packing"]):
    """The one who brings whole files to a session, many and one after another. What is not kept is gone when it leaves.

    What is kept is the session's when it leaves, whatever it leaves by, or before; a file whose path has come otherwise
    meanwhile is that one. It need not be durable before it is registered: :meth:`Uploads.take` sees to that.
    """

    @abstractmethod
    def begin(self, path: str, size_bytes: int) -> None:
        """What is written from now on is of this file; nothing is left of one that was begun before and not kept."""

    @abstractmethod
    def write(self, chunk: memoryview, /) -> int:
        """Takes the bytes behind those before; all of them, or an error."""

    @abstractmethod
    def keep(self, sha256: str) -> None:
        """The file that was begun last is whole, and has this digest."""


class Uploads(ABC):
    """The sessions of one registry root. Instances are thread-safe, and any number may serve one root.

    ``place`` is the prefix of their keys, if they have any.
    """

    place = UPLOADS

    @abstractmethod
    def begin(self, upload: str, about: bytes, announced: bytes) -> None:
        """The session is there, without files. ``about`` is small and read often, ``announced`` neither."""

    @abstractmethod
    def about(self, upload: str) -> tuple[Document, float]:
        """(the session's document, when it was last written to in seconds since 1970). Raises ``KeyNotFound``."""

    @abstractmethod
    def announced(self, upload: str, page: int = 0) -> bytes:
        """What :meth:`begin` (page 0), or :meth:`announce` later, was told of the files to come.

        Raises ``KeyNotFound``, also for a page that was never announced.
        """

    @abstractmethod
    def announce(self, upload: str, announced: bytes, page: int = 0, *, new: bool = False) -> None:
        """Another word on the files to come takes the place of that page, or with ``new`` is that page.

        Call within :meth:`alone`. Raises ``UploadLocked`` where somebody else made the new page first.
        """

    @abstractmethod
    def alone(self, upload: str) -> AbstractContextManager[None]:
        """Nobody else changes the session meanwhile. Raises ``KeyNotFound``, and ``UploadLocked`` at once."""

    @abstractmethod
    def add(self, upload: str, path: str, size_bytes: int, check: Admit, described: str = "") -> Incoming:
        """A new, empty file, or the one that ``check`` names.

        Raises ``KeyNotFound``, ``UploadLocked``, and ``PreconditionFailed`` where paths are not shown to
        ``check`` and the path is there.
        """

    @abstractmethod
    def files(self, upload: str) -> Sequence[Incoming]:
        """Every file, in the order of their making where that is known. Raises ``KeyNotFound``."""

    @abstractmethod
    def file(self, upload: str, file_id: str) -> Incoming:
        """The file as it is now. Raises ``KeyNotFound``."""

    @abstractmethod
    def drop(self, upload: str, file_id: str) -> None:
        """The file is gone. Raises ``KeyNotFound``, ``UploadLocked``."""

    @abstractmethod
    def receive(self, upload: str, file_id: str, *, all_or_nothing: bool) -> Receiving:
        """The right to write to the file. Raises ``KeyNotFound``, and ``UploadLocked`` at once.

        ``all_or_nothing``: what a crash leaves of these bytes is no part of the file.
        """

    @abstractmethod
    def pack(self, upload: str) -> Packing:
        """The right to bring whole files. Raises ``KeyNotFound``, and ``UploadLocked`` at once."""

    @abstractmethod
    def open(self, upload: str, file_id: str, start: int) -> Readable:
        """A reader of what has arrived, from ``start`` on. Raises ``KeyNotFound``."""

    @abstractmethod
    def take(self, upload: str, file: Incoming, staging: Staging, prove: Prove) -> Artifact:
        """The complete file is staged under its path, and the session keeps it too. Returns what is staged.

        It is not read while it is the very file that was complete then; else ``prove`` reads what is staged, whose
        digest may be another. Raises ``KeyNotFound`` where it is gone, or of another size.
        """

    @abstractmethod
    def borrow(self, package: str, wanted: Artifact, inside: str, staging: Staging, prove: Prove) -> Artifact:
        """A file of a published package, ``inside``, is staged as ``wanted``, cloned or linked where that can be.

        Returns what is staged, whose digest is another than wanted where the file is damaged: ``prove`` has read it.
        Raises ``KeyNotFound`` where it is not there (any more), or has not the size that is wanted.
        """

    @abstractmethod
    def end(self, upload: str) -> None:
        """Nothing is left of the session. Call within :meth:`alone`. Repeatable."""

    @abstractmethod
    def sessions(self) -> Iterator[str]:
        """Every session, the last written to first where the storage tells that with a list.

        Perhaps what is left of others too, which :meth:`about` does not know.
        """

    @abstractmethod
    def expired(self, before_s: float) -> Iterator[str]:
        """The sessions that nobody has written to since that moment, and what crashes left of others."""

    def clear(self, upload: str, before_s: float) -> bool:
        """The session is gone, if nobody has written to it since that moment and nobody is at it."""
        try:
            with self.alone(upload):
                if self.about(upload)[1] >= before_s:
                    return False
                self.end(upload)
        except UploadLocked:
            return False
        except KeyNotFound:
            self.end(upload)
        return True


def check_id(value: str) -> str:
    """The id itself. Raises ``KeyNotFound`` for what can be none."""
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise KeyNotFound("upload")
    return value


def locked() -> UploadLocked:
    return UploadLocked(
        "Somebody else is writing to this upload at the moment. Nothing was changed; try again.", retry_after_s=1
    )


def now_s() -> float:
    return time.time()

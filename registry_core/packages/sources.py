"""What a package is made of: files that keep still while they are taken in, and bytes of our own."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from typing import BinaryIO

from ..storage.cloning import clone
from ..vocabulary.errors import ArtifactsRefused
from .hash_stream import _write_all, hash_stream


@dataclass(frozen=True)
class BytesSource:
    """A small file made by the registry itself."""

    data: bytes

    def pour(self, sink: BinaryIO) -> tuple[str, int]:
        _write_all(sink, memoryview(self.data))
        return hashlib.sha256(self.data).hexdigest(), len(self.data)


@dataclass(frozen=True)
class FileSource:
    """A caller's file, taken in only if it is the very file that was planned, and keeps still.

    ``device``, ``inode``, ``size_bytes`` and ``mtime_ns`` are what the plan saw.
    """

    name: str
    location: str
    device: int
    inode: int
    size_bytes: int
    mtime_ns: int

    def pour(
        self, sink: BinaryIO, hint: int | None = None, tick: Callable[[int], None] | None = None
    ) -> tuple[str, int]:
        """Copies (or clones, where the filesystem shares extents) the file and hashes the bytes.

        ``hint`` is :func:`size_hint`, or the size; ``tick`` hears of the bytes. Raises ``ArtifactsRefused`` if it
        cannot be read, was replaced, or changed on the way.
        """
        hint = self.size_bytes if hint is None else hint
        with self._open() as reader:
            if _is_cloned(reader, sink):
                result = _hash_clone(sink, hint, tick)
            else:
                result = hash_stream(_Guarded(reader, self.name), copy_to=sink, size_hint=hint, tick=tick)
            self._check_still(reader, result[1])
        return result

    def digest_only(self) -> tuple[str, int]:
        """(SHA-256 in hex, bytes) without a copy. Raises as :meth:`pour`."""
        with self._open() as reader:
            result = hash_stream(_Guarded(reader, self.name), size_hint=self.size_bytes)
            self._check_still(reader, result[1])
        return result

    def read(self, limit_bytes: int) -> bytes:
        """The file's bytes, at most ``limit_bytes + 1`` of them. Raises as :meth:`pour`."""
        with self._open() as reader:
            guarded = _Guarded(reader, self.name)
            parts = bytearray()
            while len(parts) <= limit_bytes and (part := guarded.read(limit_bytes + 1 - len(parts))):
                parts += part
            if len(parts) <= limit_bytes:
                self._check_still(reader, len(parts))
        return bytes(parts)

    def _open(self) -> FileIO:
        # O_NONBLOCK: a FIFO put in the file's place must not hang us; O_NOFOLLOW: nor a symlink
        # lead us elsewhere. The inode check covers the directories above it.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with _blaming(self.name):
            fd = os.open(self.location, flags)
            try:
                status = os.fstat(fd)
                if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) != (self.device, self.inode):
                    raise _changed(self.name)
                return FileIO(fd, "rb")
            except BaseException:
                os.close(fd)
                raise

    def _check_still(self, reader: FileIO, count: int) -> None:
        with _blaming(self.name):
            status = os.fstat(reader.fileno())
        seen = (status.st_size, status.st_mtime_ns, count)
        if seen != (self.size_bytes, self.mtime_ns, self.size_bytes):
            raise _changed(self.name)


@dataclass(frozen=True)
class Pouring:
    """A caller's file on its way into a package, as :meth:`FileSource.pour` has it."""

    file: FileSource
    hint: int
    tick: Callable[[int], None]

    def pour(self, sink: BinaryIO) -> tuple[str, int]:
        return self.file.pour(sink, self.hint, self.tick)


def _hash_clone(sink: BinaryIO, hint: int, tick: Callable[[int], None] | None) -> tuple[str, int]:
    # The clone is hashed, not the original: these are the bytes that will be kept.
    with FileIO(os.dup(sink.fileno()), "rb") as cloned:
        cloned.seek(0)
        return hash_stream(cloned, size_hint=hint, tick=tick)


class _Guarded:
    """A reader whose failures blame the caller's file, not the registry's storage."""

    def __init__(self, reader: FileIO, name: str) -> None:
        self._reader = reader
        self._name = name

    def readinto(self, buffer: memoryview, /) -> int | None:
        with _blaming(self._name):
            return self._reader.readinto(buffer)

    def read(self, size: int) -> bytes:
        with _blaming(self._name):
            return self._reader.read(size)


def _is_cloned(reader: FileIO, sink: BinaryIO) -> bool:
    try:
        target_fd = sink.fileno()
    except (OSError, AttributeError):
        return False  # a sink that is no file
    return clone(reader.fileno(), target_fd)


class _blaming:
    """An ``OSError`` inside is the fault of the caller's file."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise ArtifactsRefused(
                f"{self._name!r} cannot be read: {error.strerror}. Make it readable for the registry's user.",
                path=self._name,
            ) from None


def _changed(name: str) -> ArtifactsRefused:
    return ArtifactsRefused(
        f"{name!r} changed while it was being read. Register the package when nothing writes to it.", path=name
    )

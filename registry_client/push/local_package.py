"""A directory on this machine that shall become a version: what is in it, and the digest of each file.

It is held open, and everything in it is reached from there, one name at a time and through no link: whatever is
renamed or linked meanwhile, nothing else is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry_core import ArtifactsRefused

from ..local.files import hash_open
from ..local.parallel import each

_SHOWN = 20
_CAREFUL = os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class LocalFile:
    """One regular file below the open directory ``top``. ``seen`` is what the walk saw of it."""

    path: str
    top: int
    size_bytes: int
    seen: tuple[int, ...]

    def open(self) -> int:
        """A descriptor to read from. Raises ``ArtifactsRefused`` where it cannot be read, or is another file by now."""
        inside, _, name = self.path.rpartition("/")
        try:
            with _directory(self.top, inside) as directory:
                fd = os.open(name, os.O_RDONLY | _CAREFUL | os.O_NONBLOCK, dir_fd=directory)
        except OSError as error:
            raise ArtifactsRefused(f"{self.path!r} cannot be read: {error.strerror}.", path=self.path) from None
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or _seen(status) != self.seen:
            os.close(fd)
            raise changed(self.path)
        return fd


def _seen(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def held(top: Path) -> Iterator[int]:
    """A descriptor of the directory, which may be named by a link. Raises ``ArtifactsRefused``."""
    try:
        fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ArtifactsRefused(f"{top} cannot be read: {error.strerror}.") from None
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _directory(top: int, inside: str) -> Iterator[int]:
    """A descriptor of a directory below the open one. Raises ``OSError``, also where a link is on the way."""
    fd = os.dup(top)
    try:
        for part in inside.split("/") if inside else ():
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _CAREFUL, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def changed(path: str) -> ArtifactsRefused:
    """The error for a file that did not keep still."""
    return ArtifactsRefused(
        f"{path!r} changed while it was being read. Push the package when nothing writes to it.", path=path
    )


def scan(top: Path, top_fd: int) -> list[LocalFile]:
    """Every file below ``top``, which is open as ``top_fd`` for as long as they are used, sorted by path.

    Raises ``ArtifactsRefused``, with up to 20 ``problems``, for anything but regular files and directories.
    """
    files: list[LocalFile] = []
    problems: list[dict[str, str]] = []
    pending = [""]
    try:
        while pending:
            inside = pending.pop()
            with _directory(top_fd, inside) as directory:
                found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(directory)]
            for name, status in found:
                path = f"{inside}/{name}" if inside else name
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                elif stat.S_ISREG(status.st_mode):
                    files.append(LocalFile(path, top_fd, status.st_size, _seen(status)))
                else:
                    problems.append({"path": path, "reason": "is no regular file; a package holds nothing else"})
    except OSError as error:
        raise ArtifactsRefused(f"{top} cannot be read: {error.strerror}.") from None
    if problems:
        first = problems[0]
        raise ArtifactsRefused(f"{first['path']!r} {first['reason']}. Nothing was sent.", problems=problems[:_SHOWN])
    if not files:
        raise ArtifactsRefused(f"{top} holds no file. Check that the training job wrote its package there.")
    return sorted(files, key=lambda file: file.path)


def digests(files: list[LocalFile], workers: int, tick: Callable[[int], None]) -> dict[str, str]:
    """Path -> SHA-256 in hex of every file. Raises as :meth:`LocalFile.open`."""
    found: dict[str, str] = {}

    def read(file: LocalFile, stop: Callable[[], None]) -> None:
        def count(size_bytes: int) -> None:
            stop()
            tick(size_bytes)

        fd = file.open()
        try:
            sha, size_bytes = hash_open(fd, count)
        finally:
            os.close(fd)
        if size_bytes != file.size_bytes:
            raise changed(file.path)
        found[file.path] = sha.hexdigest()

    each(read, sorted(files, key=lambda file: -file.size_bytes), workers)
    return found

"""A directory on this machine that shall become a version: what is in it, and the digest of each file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry_core import ArtifactsRefused

from ..local.files import hash_open
from ..local.parallel import each

_SHOWN = 20


@dataclass(frozen=True)
class LocalFile:
    """One regular file. ``size_bytes`` and ``mtime_ns`` are what the walk saw."""

    path: str
    location: Path
    size_bytes: int
    mtime_ns: int

    def open(self) -> int:
        """A descriptor to read from. Raises ``ArtifactsRefused`` where it cannot be read, or is another file by now."""
        try:
            fd = os.open(self.location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise ArtifactsRefused(f"{self.path!r} cannot be read: {error.strerror}.", path=self.path) from None
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (self.size_bytes, self.mtime_ns):
            os.close(fd)
            raise changed(self.path)
        return fd


def changed(path: str) -> ArtifactsRefused:
    """The error for a file that did not keep still."""
    return ArtifactsRefused(
        f"{path!r} changed while it was being read. Push the package when nothing writes to it.", path=path
    )


def scan(top: Path) -> list[LocalFile]:
    """Every file below ``top``, sorted by path.

    Raises ``ArtifactsRefused``, with up to 20 ``problems``, for anything but regular files and directories.
    """
    files: list[LocalFile] = []
    problems: list[dict[str, str]] = []
    pending = [""]
    try:
        while pending:
            inside = pending.pop()
            for entry in os.scandir(top / inside):
                path = f"{inside}/{entry.name}" if inside else entry.name
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                elif stat.S_ISREG(status.st_mode):
                    files.append(LocalFile(path, top / path, status.st_size, status.st_mtime_ns))
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

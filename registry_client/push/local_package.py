"""A directory on this machine that shall become a version: what is in it, and the digest of each file.

It is held open, and everything in it is reached from there, one name at a time and through no link. Where links are to
be followed, a file is read only if it is the very one that the walk saw. Whatever is renamed or linked meanwhile,
nothing else is read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from registry_core import ArtifactsRefused, is_unicode

from ..forms import shown
from ..local.files import hash_open
from ..local.parallel import each
from .choice import Choice

_SHOWN = 20
_BATCH, _SMALL_BYTES = 64, 64 * 1024
_NOT_UTF8 = "has a name that is not UTF-8; no package has such a file"
_LINKED = "is a symbolic link; --follow-links (follow_links=True) sends what it leads to"


@dataclass(frozen=True)
class LocalFile:
    """One regular file below the open directory ``top``. ``seen`` is what the walk saw of it.

    ``follows``: links may lead to it.
    """

    path: str
    top: int
    size_bytes: int
    seen: tuple[int, ...]
    follows: bool = False

    def open(self) -> int:
        """A descriptor to read from. Raises ``ArtifactsRefused`` where it cannot be read, or is another file by now."""
        with Opener() as opener:
            return opener.open(self)

    def read(self, fd: int) -> bytes:
        """All bytes of the small file, which is open. Raises ``ArtifactsRefused`` where they are not as many."""
        data = os.read(fd, self.size_bytes + 1)
        while data and len(data) < self.size_bytes and (more := os.read(fd, self.size_bytes + 1 - len(data))):
            data += more
        if len(data) != self.size_bytes:
            raise changed(self.path)
        return data


class Opener:
    """Opens files one after another; the directory of the last one stays open for its neighbours."""

    def __init__(self) -> None:
        self._place: tuple[int, str] | None = None
        self._directory = ExitStack()
        self._fd = -1

    def __enter__(self) -> Opener:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._directory.close()

    def open(self, file: LocalFile) -> int:
        """As :meth:`LocalFile.open`."""
        inside, _, name = file.path.rpartition("/")
        try:
            if self._place != (file.top, inside):
                self._place = None
                self._directory.close()
                self._fd = self._directory.enter_context(_directory(file.top, inside, file.follows))
                self._place = (file.top, inside)
            fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _careful(file.follows), dir_fd=self._fd)
        except OSError as error:
            raise ArtifactsRefused(f"{file.path!r} cannot be read: {error.strerror}.", path=file.path) from None
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or _seen(status) != file.seen:
            os.close(fd)
            raise changed(file.path)
        return fd


def _careful(follows: bool) -> int:
    return os.O_CLOEXEC | (0 if follows else os.O_NOFOLLOW)


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
def _directory(top: int, inside: str, follows: bool) -> Iterator[int]:
    """A descriptor of a directory below the open one. Raises ``OSError``, also where a link is on the way.

    Unless it ``follows`` links.
    """
    fd = os.dup(top)
    try:
        for part in inside.split("/") if inside else ():
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _careful(follows), dir_fd=fd)
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


@dataclass(frozen=True)
class Selected:
    """The files that a push takes, sorted by path, and what a package cannot keep: these directories and modes."""

    files: list[LocalFile]
    empty_directories: list[str]
    executables: list[str]


@contextmanager
def opened(source: Path, choice: Choice) -> Iterator[Selected]:
    """The files of a directory, or the one file, open for as long as they are used. Raises as :func:`scan`."""
    if source.is_symlink() and not source.is_dir() and not choice.follow_links:
        raise ArtifactsRefused(f"{source} {_LINKED}. Nothing was sent.")
    if source.is_file():
        with held(source.parent) as top_fd:
            status = source.stat()
            file = LocalFile(source.name, top_fd, status.st_size, _seen(status), choice.follow_links)
            if not is_unicode(source.name):
                raise ArtifactsRefused(f"{source.name!r} {_NOT_UTF8}. Nothing was sent.")
            yield Selected([file], [], [])
    else:
        with held(source) as top_fd:
            yield scan(source, top_fd, choice)


def scan(top: Path, top_fd: int, choice: Choice) -> Selected:
    """What the choice takes of what is below ``top``, which is open as ``top_fd`` for as long as it is used.

    Raises ``ArtifactsRefused``, with up to 20 ``problems``, for anything but regular files and directories, and for a
    link, or where links are followed one that leads nowhere or back.
    """
    walk = _Walk(top_fd, choice)
    try:
        walk.all()
    except OSError as error:
        raise ArtifactsRefused(f"{top} cannot be read: {error.strerror}.") from None
    problems = sorted(walk.problems, key=lambda problem: problem["path"])
    if problems:
        first = problems[0]
        raise ArtifactsRefused(f"{first['path']!r} {first['reason']}. Nothing was sent.", problems=problems[:_SHOWN])
    if not walk.files:
        raise ArtifactsRefused(f"{top} holds no file. Check that the training job wrote its package there.")
    files = sorted(walk.files, key=lambda file: file.path)
    return Selected(files, sorted(walk.empty_directories), sorted(walk.executables))


_Above = frozenset[tuple[int, int]]


class _Walk:
    def __init__(self, top_fd: int, choice: Choice) -> None:
        self._top_fd, self._choice = top_fd, choice
        self._pending: list[tuple[str, _Above]] = [("", frozenset())]
        self.files: list[LocalFile] = []
        self.empty_directories: list[str] = []
        self.executables: list[str] = []
        self.problems: list[dict[str, str]] = []

    def all(self) -> None:
        """Raises ``OSError``."""
        while self._pending:
            inside, above = self._pending.pop()
            with _directory(self._top_fd, inside, self._choice.follow_links) as directory:
                here = os.fstat(directory)
                entries = [(entry.name, _status(entry, directory, self._choice)) for entry in os.scandir(directory)]
            if not entries and inside:
                self.empty_directories.append(inside)
            for name, status in entries:
                path = f"{inside}/{name}" if inside else name
                if not self._choice.leaves_out(path):
                    self._take(path, status, above | {(here.st_dev, here.st_ino)})

    def _take(self, path: str, status: os.stat_result, above: _Above) -> None:
        if not is_unicode(path):
            self._refuse(shown(path), _NOT_UTF8)
        elif stat.S_ISREG(status.st_mode):
            file = LocalFile(path, self._top_fd, status.st_size, _seen(status), self._choice.follow_links)
            self.files.append(file)
            if status.st_mode & 0o111:
                self.executables.append(path)
        elif stat.S_ISLNK(status.st_mode):
            leads_nowhere = "is a symbolic link that leads nowhere"
            self._refuse(path, leads_nowhere if self._choice.follow_links else _LINKED)
        elif not stat.S_ISDIR(status.st_mode):
            self._refuse(path, "is no regular file; a package holds nothing else")
        elif (status.st_dev, status.st_ino) in above:
            self._refuse(path, "is a symbolic link that leads back to where it is")
        else:
            self._pending.append((path, above))

    def _refuse(self, path: str, reason: str) -> None:
        self.problems.append({"path": path, "reason": reason})


def _status(entry: os.DirEntry[str], directory: int, choice: Choice) -> os.stat_result:
    if choice.follow_links and entry.is_symlink():
        with suppress(OSError):
            return os.stat(entry.name, dir_fd=directory)
    return entry.stat(follow_symlinks=False)


def digests(files: list[LocalFile], workers: int, tick: Callable[[int], None]) -> dict[str, str]:
    """Path -> SHA-256 in hex of every file. Raises as :meth:`LocalFile.open`."""
    found: dict[str, str] = {}

    def read(batch: list[LocalFile], stop: Callable[[], None]) -> None:
        def count(size_bytes: int) -> None:
            stop()
            tick(size_bytes)

        with Opener() as opener:
            for file in batch:
                fd = opener.open(file)
                try:
                    found[file.path] = _digest(file, fd, count)
                finally:
                    os.close(fd)

    each(read, _batches(files), workers)
    return found


def _batches(files: list[LocalFile]) -> list[list[LocalFile]]:
    """Large files one by one, the largest first; of small ones neighbours together: to hand one over is dearer."""
    small = [file for file in files if file.size_bytes <= _SMALL_BYTES]
    large = [file for file in files if file.size_bytes > _SMALL_BYTES]
    alone = [[file] for file in sorted(large, key=lambda file: -file.size_bytes)]
    return alone + [small[start : start + _BATCH] for start in range(0, len(small), _BATCH)]


def _digest(file: LocalFile, fd: int, count: Callable[[int], None]) -> str:
    if file.size_bytes <= _SMALL_BYTES:
        data = file.read(fd)
        count(len(data))
        return hashlib.sha256(data).hexdigest()
    sha, size_bytes = hash_open(fd, count)
    if size_bytes != file.size_bytes:
        raise changed(file.path)
    return sha.hexdigest()

"""The one writer of an uploaded file on a filesystem, and how the files of a session are opened."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..contract import KeyNotFound
from ..uploads import Incoming, Receiving
from .beneath import translated_errors
from .failures import Planted

log = logging.getLogger(__name__)

FLOOR = ".floor"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TOUCH_EVERY_S = 30.0


class FilesystemReceiving(Receiving):
    """The open file, held; everything that is open with it is closed at the end."""

    def __init__(
        self, file: Incoming, fd: int, data: int, about: int, complete: Callable[[str, str], None], opened: ExitStack
    ) -> None:
        self.file = file
        self._fd, self._data, self._about = fd, data, about
        self._complete = complete
        self._opened = opened
        self._kept = False
        self._touched_at = time.monotonic()

    def __exit__(self, *exc_info: Any) -> None:
        with self._opened, translated(self.file.path):
            if not self._kept:
                os.ftruncate(self._fd, self.file.offset)

    def write(self, chunk: memoryview) -> int:
        with translated(self.file.path):
            write_all(self._fd, chunk)
            if time.monotonic() - self._touched_at > _TOUCH_EVERY_S:
                self._touch()
        return len(chunk)

    def keep(self, count: int, sha256: str | None) -> Incoming:
        with translated(self.file.path):
            offset = self.file.offset + count
            os.ftruncate(self._fd, offset)
            os.fsync(self._fd)
            self._kept = True
            forget_floor(self.file.file_id, self._data)
            os.fsync(self._data)
            mark = ""
            if sha256 is not None:
                mark = mark_of(os.fstat(self._fd))
                self._complete(sha256, mark)
            self._touch()
        return replace(self.file, offset=offset, sha256=sha256, mark=mark)

    def _touch(self) -> None:
        os.utime(self._about)
        self._touched_at = time.monotonic()


class Complete(Receiving):
    """A file that has all its bytes; nothing can be written to it."""

    def __init__(self, file: Incoming) -> None:
        self.file = file

    def __exit__(self, *exc_info: Any) -> None:
        """Nothing is held."""

    def write(self, chunk: memoryview) -> int:
        raise AssertionError("the file is complete")

    def keep(self, count: int, sha256: str | None) -> Incoming:
        return self.file


class translated(translated_errors):
    """As ``translated_errors``; where a symbolic link has been put in a session, there is nothing of ours."""

    __slots__ = ()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, Planted) and error.errno == errno.ELOOP:
            raise KeyNotFound(self._key) from error
        super().__exit__(kind, error, trace)


@contextmanager
def opened_in(name: str, flags: int, directory: int) -> Iterator[int]:
    """What has that name in the open directory, opened."""
    fd = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def regular(name: str, flags: int, directory: int) -> Iterator[int]:
    """The open file of that name, which is a regular one. Raises ``FileNotFoundError``."""
    fd = os.open(name, flags | FILE, 0o600, dir_fd=directory)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", name)
        yield fd
    finally:
        os.close(fd)


def mark_of(status: os.stat_result, *, synced: bool = True) -> str:
    """Names the file as it lies there: whoever writes to it or puts another in its place changes that.

    Of one that is not ``synced`` so does the next start of the kernel, before which a power cut may have taken it.
    """
    mark = f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"
    return mark if synced else f"{mark}-{boot_id()}"


@cache
def boot_id() -> str:
    """Names this run of the kernel; where it has no name, this process."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return uuid4().hex


def forget_floor(file_id: str, data: int) -> None:
    """All that has arrived counts."""
    with suppress(FileNotFoundError):
        os.unlink(file_id + FLOOR, dir_fd=data)


def page_name(page: int) -> str:
    """Where a page of the announcement is."""
    return f"announced-{page}.json" if page else "announced.json"


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Every byte is written, or an ``OSError`` is raised."""
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def remove(space: int, name: str) -> None:
    """Nothing is there any more; a symbolic link goes, and not what it points to."""
    try:
        if stat.S_ISDIR(os.stat(name, dir_fd=space, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=space)
        else:
            os.unlink(name, dir_fd=space)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.error("the upload session %s is left to a sweep: %s", name, error)

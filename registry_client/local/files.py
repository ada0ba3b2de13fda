"""Files on this machine: locks that die with their holder, durable renames, failures in words."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from registry_core import RegistryError, StorageFull, StorageUnavailable

from .settings import ELSEWHERE

CHUNK_BYTES = 1024 * 1024
POLL_S = 0.05
_FICLONE = 0x40049409  # linux/fs.h: share all extents of one file with another


@contextmanager
def blaming(what: str, remedy: str = "") -> Iterator[None]:
    """An ``OSError`` inside becomes ``StorageFull`` or ``StorageUnavailable`` that names ``what``."""
    try:
        yield
    except RegistryError:
        raise
    except OSError as error:
        raise blamed(what, error, remedy) from None


def blamed(what: str, error: OSError, remedy: str = "") -> RegistryError:
    """The error in the words of the registry."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(f"There is no space left for {what}. Make room, and run it again.", path=what)
    return StorageUnavailable(f"{what} cannot be used: {error.strerror or error}. {remedy}".rstrip(), path=what)


def own_directory(path: Path, *, make: bool, remedy: str = ELSEWHERE) -> bool:
    """Whether the directory is there, this user's alone from now on; with ``make`` it is.

    A symbolic link to one counts where the user has made it. Raises ``StorageUnavailable`` with the ``remedy`` where it
    is another user's, or others can write to it and that cannot be changed, and ``OSError``.
    """
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    try:
        owner = os.stat(path, follow_symlinks=False).st_uid
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        if make:
            raise
        return False
    try:
        status = os.fstat(fd)
        if {owner, status.st_uid} != {os.geteuid()}:
            raise StorageUnavailable(f"{path} belongs to another user. {remedy}", path=str(path))
        if status.st_mode & 0o077:
            with suppress(OSError):
                os.fchmod(fd, 0o700)
            if os.fstat(fd).st_mode & 0o022:
                raise StorageUnavailable(
                    f"Others can write to {path}, and that cannot be changed. {remedy}", path=str(path)
                )
    finally:
        os.close(fd)
    return True


def is_own_file(status: os.stat_result) -> bool:
    """Whether it is a regular file of this user, to which nobody else can write."""
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def open_own(path: Path) -> int | None:
    """A descriptor of the regular file of this user; None where anything else lies there. Raises ``OSError``."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            return None
        raise
    if is_own_file(os.fstat(fd)):
        return fd
    os.close(fd)
    return None


def drop_foreign(path: Path) -> None:
    """Nothing lies there, or a file of this user: whoever else has it open could write to it later."""
    with suppress(FileNotFoundError):
        status = os.stat(path, follow_symlinks=False)
        if not is_own_file(status) and not stat.S_ISDIR(status.st_mode):
            path.unlink()


def hold(path: Path, *, wait: bool, stop: Callable[[], None] | None = None) -> int | None:
    """A descriptor of the file (made if it is not there) that nobody else holds; closing it lets go.

    None if somebody has it and ``wait`` is false. ``stop`` is called while waiting, and may raise.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            while not _try_lock(fd):
                if not wait:
                    os.close(fd)
                    return None
                if stop is not None:
                    stop()
                time.sleep(POLL_S)
            if is_at(fd, path):
                return fd
        except BaseException:
            with suppress(OSError):
                os.close(fd)
            raise
        os.close(fd)  # its last holder has renamed or removed it


def hold_directory(path: Path) -> int | None:
    """As :func:`hold`, of a directory that is there; None if somebody has it, or if it is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    if _try_lock(fd) and is_at(fd, path):
        return fd
    os.close(fd)
    return None


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(fd: int, path: Path) -> bool:
    """Whether the open file is the one that the path names now."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def hash_open(fd: int, tick: Callable[[int], None] | None = None) -> tuple["hashlib._Hash", int]:
    """(the running SHA-256 of the whole open file, its bytes); its position is at the end then."""
    os.lseek(fd, 0, os.SEEK_SET)
    sha, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(CHUNK_BYTES))
    while count := os.readv(fd, [buffer]):
        sha.update(buffer[:count])
        size += count
        if tick is not None:
            tick(count)
    return sha, size


def hash_file(path: Path, tick: Callable[[int], None] | None = None) -> str:
    """SHA-256 in hex of a regular file. Raises ``OSError``, also for what is none."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return hash_open(fd, tick)[0].hexdigest()
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


Sync = Callable[[int], None]  # makes an open file durable, soon or at once


def lay(source: int, source_path: Path, target: Path, *, link: bool, sync: Sync = os.fsync) -> str:
    """``target`` is a new file with the bytes of the open ``source``; returns the SHA-256 of what it has.

    It shares its extents with the source where the filesystem can (a clone), and is a copy otherwise. With ``link``
    it is the very same file where that can be: then whoever writes to one writes to both.
    As durable as ``sync`` makes it, but for its directory. Raises ``OSError``.
    """
    if link and _link(source, source_path, target):
        sync(source)  # nobody need have done so for the cache
        return hash_open(source)[0].hexdigest()
    out = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        sha = hash_open(out)[0] if _clone(source, out) else _copy(source, out)
        os.fchmod(out, 0o444)
        sync(out)
        return sha.hexdigest()
    finally:
        os.close(out)


def lay_bytes(data: bytes, target: str, sync: Sync) -> None:
    """``target`` is a new file with these bytes, as :func:`lay` makes one."""
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
    try:
        write_all(fd, data)
        os.fchmod(fd, 0o444)  # whatever the umask
        sync(fd)
    finally:
        os.close(fd)


def _clone(source: int, out: int) -> bool:
    try:
        fcntl.ioctl(out, _FICLONE, source)
    except OSError:
        return False  # another filesystem, or one that cannot share
    return True


def _link(source: int, source_path: Path, target: Path) -> bool:
    try:
        os.link(source_path, target, follow_symlinks=False)
    except OSError:
        return False  # another filesystem, another owner, or too many links
    if is_at(source, target):
        return True
    os.unlink(target)
    return False


def _copy(source: int, out: int) -> "hashlib._Hash":
    os.lseek(source, 0, os.SEEK_SET)
    sha = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK_BYTES))
    while count := os.readv(source, [buffer]):
        sha.update(buffer[:count])
        write_all(out, buffer[:count])
    return sha


def sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def durable_tree(top: Path) -> Iterator[Sync]:
    """Every file below ``top`` that the sync has been called for is durable at the end, and so are all directories."""
    from registry_core import Syncs  # only when it is wanted: most calls write nothing here

    top_fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syncs = Syncs(top_fd)
        yield syncs.file
        for _, _, _, directory in os.fwalk(top, topdown=False):
            syncs.directory(directory)
        syncs.rest()
    finally:
        os.close(top_fd)


def remove_tree(top: Path) -> None:
    """The tree is gone, as far as this user may; never raises."""
    shutil.rmtree(top, ignore_errors=True)

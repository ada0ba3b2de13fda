"""What is written is on the disk: a large file while more of it is written, many small ones all at once."""

from __future__ import annotations

import ctypes
import errno
import os
import re
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import count
from types import TracebackType

SYNC_EACH_BYTES = 64 * 1024 * 1024
FEW_FILES = 16  # each of these is synced by itself
SMALL_BYTES = 1024 * 1024  # as is each that is not smaller
_TELLS_SINCE = (5, 8)  # of Linux
_WAIT_BEFORE = 1
# Those whose syncfs is known to write all that an fsync does: not a network's, FUSE's or one that lies on another.
_FILESYSTEMS = {0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0xF2F52010: "f2fs", 0x01021994: "tmpfs"}

_libc = ctypes.CDLL(None, use_errno=True)


def syncfs(fd: int) -> None:
    """All that was written to the filesystem of the open file is on its disk.

    Raises ``OSError`` where that is not so of anything since the file was opened, whoever wrote it.
    """
    if _libc.syncfs(fd) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def wait_for_written(fd: int) -> None:
    """What the disk is writing of the open file is written. Writes and flushes nothing.

    Raises ``OSError`` if anything of it was lost that nobody was told of, long ago or by now.
    """
    if _libc.sync_file_range(fd, ctypes.c_int64(0), ctypes.c_int64(0), ctypes.c_uint(_WAIT_BEFORE)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@cache
def kernel_tells() -> bool:
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if os.uname().sysname != "Linux" or found is None or tuple(map(int, found.groups())) < _TELLS_SINCE:
        return False
    # Some sandboxes forbid the call: that a descriptor is none is found out only where it is allowed.
    calls = [getattr(_libc, name, None) for name in ("syncfs", "sync_file_range")]
    return all(call is not None and call(-1, 0, 0, 0) != 0 and ctypes.get_errno() == errno.EBADF for call in calls)


def can_sync_at_once(fd: int) -> bool:
    """Whether :func:`syncfs` of the open file is as good as an fsync of each file of its filesystem."""
    told = (ctypes.c_long * 64)()  # more than a struct statfs, which begins with the filesystem's number
    return kernel_tells() and _libc.fstatfs(fd, told) == 0 and told[0] in _FILESYSTEMS


class Syncs:
    """The files of one package, each synced by itself or, where they are many and small, all at the end. Thread-safe.

    ``top``: an open file of their filesystem, from before the first of them was written.
    """

    def __init__(self, top: int | None) -> None:
        self._top = top if top is not None and can_sync_at_once(top) else None
        self._numbers = count(1)
        self._are_many = False

    def file(self, fd: int) -> None:
        """The open file is on the disk, or will be after :meth:`rest`. Raises ``OSError``."""
        if self._top is None or next(self._numbers) <= FEW_FILES or os.fstat(fd).st_size >= SMALL_BYTES:
            os.fsync(fd)
        else:
            wait_for_written(fd)  # it may have been lost before ``top`` was open, as of an upload
            self._are_many = True

    def directory(self, fd: int) -> None:
        """The entries of the open directory are too, when all its files have been told of. Raises ``OSError``."""
        if not self._are_many:
            os.fsync(fd)

    def rest(self) -> None:
        """Whatever was told of is on the disk. Raises ``OSError``."""
        if self._top is not None and self._are_many:
            syncfs(self._top)


class Sink:
    """An open file that is written to and then synced; closed at the end, when nobody syncs it any more.

    A second thread syncs what has been written while more comes, so that the last sync has little left to wait for.
    """

    def __init__(self, fd: int) -> None:
        self._file = os.fdopen(fd, "r+b", buffering=0)
        self._helper: ThreadPoolExecutor | None = None
        self._syncing: Future[None] | None = None
        self._unsynced_bytes = 0

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if self._helper is not None:
                self._helper.shutdown()

    def fileno(self) -> int:
        return self._file.fileno()

    def write(self, data: memoryview) -> int:
        count = self._file.write(data)
        self._unsynced_bytes += count
        if self._unsynced_bytes >= SYNC_EACH_BYTES and (self._syncing is None or self._syncing.done()):
            self.settle()
            self._helper = self._helper or ThreadPoolExecutor(max_workers=1, thread_name_prefix="sync")
            self._syncing = self._helper.submit(os.fdatasync, self.fileno())
            self._unsynced_bytes = 0
        return count

    def settle(self) -> None:
        """Nobody syncs it meanwhile, and what was synced is on the disk. Raises ``OSError``."""
        # The kernel tells each open file of a failure once: who asked first is the only one to hear of it.
        if self._syncing is not None:
            self._syncing.result()

"""Locks between processes on one filesystem, by the ``filelock`` library (flock underneath).

The kernel drops a lock when its holder dies, so a killed process never leaves one behind.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..vocabulary.errors import LockTimeout

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.01


def _lock(path: Path, timeout_s: float) -> FileLock:
    # A fresh object each time: the library counts re-entries per object, and two threads that
    # shared one would both get in.
    return FileLock(path, timeout=timeout_s, poll_interval=POLL_INTERVAL_S, thread_local=False)


@contextmanager
def exclusive(path: Path, timeout_s: float) -> Iterator[None]:
    """Only one holder at a time; the file stays (unlinking it would split the waiters).

    Raises ``LockTimeout`` after ``timeout_s`` seconds, with nothing changed.
    """
    lock = _lock(path, timeout_s)
    try:
        lock.acquire()
    except Timeout:
        raise LockTimeout(
            f"Another change to this model has been running for more than {timeout_s:g} s. "
            "Nothing was changed; try again.",
            retry_after_s=max(1, round(timeout_s / 10)),
        ) from None
    try:
        yield
    finally:
        release(lock)


def hold_open_file(fd: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Whether the open file is held from now on, until it is closed; by all of its holders if ``shared``."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock on the file; looking creates nothing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return True  # another user's, who may well be at it
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def release(lock: FileLock) -> None:
    """Somebody else may have it. Never raises: what was done under the lock is done."""
    try:
        lock.release()
    except OSError as error:
        # The kernel lets go when the last reference to the lock, and its descriptor with it, is gone.
        log.error("a lock could not be released: %s", error)


def try_hold(path: Path) -> FileLock | None:
    """The held lock, or None if somebody else has it. Let it go with :func:`release`."""
    lock = _lock(path, 0)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock

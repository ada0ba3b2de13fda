"""Locks between processes on one filesystem, by the ``filelock`` library (flock underneath).

The kernel drops a lock when its holder dies, so a killed process never leaves one behind. Whoever may read a file may
hold it, so one that is there to be held is its owner's and its group's alone.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..vocabulary.errors import LockTimeout

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.01
LOCK_BITS = 0o660  # less the umask


def _lock(path: Path, timeout_s: float) -> FileLock:
    # Made before the library would, which has either no umask or everybody's leave to read.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, LOCK_BITS))
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
        raise _timed_out(timeout_s) from None
    try:
        yield
    finally:
        release(lock)


def hold_within(fd: int, timeout_s: float) -> None:
    """The open file is held from now on, until it is closed, by nobody else.

    Raises ``LockTimeout`` after ``timeout_s`` seconds, with nothing changed.
    """
    deadline = time.monotonic() + timeout_s
    while not hold_open_file(fd):
        if time.monotonic() >= deadline:
            raise _timed_out(timeout_s)
        time.sleep(POLL_INTERVAL_S)


def _timed_out(timeout_s: float) -> LockTimeout:
    return LockTimeout(
        f"Another change to this model has been running for more than {timeout_s:g} s. Nothing was changed; try again.",
        retry_after_s=max(1, round(timeout_s / 10)),
    )


def hold_open_file(fd: int, *, shared: bool = False) -> bool:
    """Whether the open file is held from now on, until it is closed; by all of its holders if ``shared``."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(fd: int) -> bool:
    """Whether somebody holds the open file."""
    return not hold_open_file(fd, shared=True)


def let_go(fd: int) -> None:
    """The open file is closed, and held no more. Never raises: what was done while it was held is done."""
    try:
        os.close(fd)
    except OSError as error:
        log.error("a held file could not be closed: %s", error)


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

"""Locks between processes on one filesystem, by the ``filelock`` library (flock underneath).

The kernel drops a lock when its holder dies, so a killed process never leaves one behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import LockTimeout

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
        lock.release()


def try_hold(path: Path) -> FileLock | None:
    """The held lock, or None if somebody else has it. Release it with ``.release()``."""
    lock = _lock(path, 0)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock

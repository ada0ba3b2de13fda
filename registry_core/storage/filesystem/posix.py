"""The few POSIX steps that durability is made of, and what their failures mean."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...vocabulary.errors import ArtifactsRefused, RegistryError, StorageFull, StorageUnavailable
from ...vocabulary.names import check_key
from ..contract import KeyNotFound, PreconditionFailed

log = logging.getLogger(__name__)

_LEASE_BREAK_S = 60.0  # the kernel takes a lease away after 45 s
_LEASE_POLL_S = 0.02
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def translated_errors(key: str) -> Iterator[None]:
    """An ``OSError`` inside becomes a typed error; every other exception passes unchanged."""
    try:
        yield
    except (KeyNotFound, PreconditionFailed, RegistryError):
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise KeyNotFound(key) from error
    except OSError as error:
        raise _typed(key, error) from error


def path_of(root: Path, key: str) -> Path:
    """Where the key's file or directory lies; the empty key is the root. Raises ``InvalidName``."""
    return root / check_key(key) if key else root


def _typed(key: str, error: OSError) -> RegistryError:
    if error.errno in _FULL:
        return StorageFull("The registry's storage has no space left. Nothing was changed; free some and try again.")
    if error.errno == errno.ENAMETOOLONG:
        return ArtifactsRefused(f"{key!r} is too long a path for the registry's filesystem.", path=key)
    log.error("storage failed at %s: %s", key, error)
    return StorageUnavailable(
        f"The registry's storage failed ({error.strerror}). The service's log has the place.", retry_after_s=5
    )


def open_without_waiting(path: Path) -> int:
    """A descriptor to read from. A FIFO in the file's place does not hang us, and no symlink is followed.

    A file whose lease another host must give back first (Samba and NFS servers hold such) is waited for.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    deadline = time.monotonic() + _LEASE_BREAK_S
    while True:
        try:
            return os.open(path, flags)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LEASE_POLL_S)


def fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def directories_of(top: Path) -> Iterator[Path]:
    """``top`` and every directory below it, the deepest first. Raises ``OSError`` for one that cannot be listed."""

    def fail(error: OSError) -> None:
        raise error

    for directory, _, _ in os.walk(top, topdown=False, onerror=fail):
        yield Path(directory)


def make_directories(path: Path, *, stop: Path) -> None:
    """``path`` exists, and so will it after a power cut. Never makes ``stop`` or what is above."""
    missing = []
    here = path
    while here != stop and not here.is_dir():
        missing.append(here)
        here = here.parent
    if here != stop:
        # Somebody may have made it a moment ago, and died before its entry was on the disk. What is
        # above it was synced before it was made.
        fsync_directory(here.parent)
    for directory in reversed(missing):
        try:
            os.mkdir(directory)
        except FileExistsError:
            if not directory.is_dir():
                raise
        fsync_directory(directory.parent)

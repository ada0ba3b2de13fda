"""The few POSIX steps that durability is made of, and what their failures mean."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ArtifactsRefused, RegistryError, StorageFull, StorageUnavailable
from .base import KeyNotFound, PreconditionFailed

log = logging.getLogger(__name__)

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


def _typed(key: str, error: OSError) -> RegistryError:
    if error.errno in _FULL:
        return StorageFull("The registry's storage has no space left. Nothing was changed; free some and try again.")
    if error.errno == errno.ENAMETOOLONG:
        return ArtifactsRefused(f"{key!r} is too long a path for the registry's filesystem.", path=key)
    log.error("storage failed at %s: %s", key, error)
    return StorageUnavailable(
        f"The registry's storage failed ({error.strerror}). The service's log has the place.", retry_after_s=5
    )


def fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_directories(path: Path, *, stop: Path) -> None:
    """``path`` exists, and so will it after a power cut. Never makes ``stop`` or what is above."""
    missing = []
    here = path
    while here != stop and not here.is_dir():
        missing.append(here)
        here = here.parent
    for directory in reversed(missing):
        try:
            os.mkdir(directory)
        except FileExistsError:
            if not directory.is_dir():
                raise
        fsync_directory(directory.parent)

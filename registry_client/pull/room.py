"""Room for what was announced, before any of it is asked for: a registry may announce anything."""

from __future__ import annotations

import os
from pathlib import Path

from registry_core import StorageFull

from ..local.cache import Cache
from .remote_package import Package


def check_room(package: Package, target: Path, cache: Cache | None) -> None:
    """Raises ``StorageFull`` where the disks certainly have no room for the package.

    Where the cache and the destination are on one disk, they are taken to share the bytes.
    """
    if cache is None:
        _check(target, package.bytes_total)
        return
    sizes = {file.sha256: file.size_bytes for file in package.files if file.sha256 is not None}
    _check(cache.directory, sum(cache.lacks_bytes(sha256, size) for sha256, size in sizes.items()))
    if _disk(target) != _disk(cache.directory):
        _check(target, package.bytes_total)


def _check(path: Path, needed_bytes: int) -> None:
    disk = os.statvfs(_above(path))
    free_bytes = disk.f_bavail * disk.f_frsize
    if disk.f_blocks and needed_bytes > free_bytes:  # some say nothing, and mean neither full nor empty
        raise StorageFull(
            f"There is no space left for {path}: {needed_bytes} bytes are needed, {free_bytes} are free. Make room, "
            "and run it again.",
            path=str(path),
        )


def _disk(path: Path) -> int:
    return os.stat(_above(path)).st_dev


def _above(path: Path) -> Path:
    """The directory that it is in, or will be in."""
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path

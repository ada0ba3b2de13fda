"""A file that shares the extents of another, where the filesystem can."""

from __future__ import annotations

import fcntl

_FICLONE = 0x40049409  # linux/fs.h: share all extents of one file with another


def clone(source_fd: int, target_fd: int) -> bool:
    """Whether the target now shares all extents of the source. False changes nothing."""
    try:
        fcntl.ioctl(target_fd, _FICLONE, source_fd)
    except OSError:
        return False  # another filesystem, or one that cannot share
    return True

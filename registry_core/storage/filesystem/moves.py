"""A published package moves as a whole: out of its readers' sight, and back.

A directory that nobody may write cannot be moved by its owner either, so it is opened for the move. The
sticky bit marks one that was opened, so that whoever finishes the move knows to seal it again.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress

from ..contract import KeyNotFound, PreconditionFailed
from .beneath import Place, open_file
from .staging import DIRECTORY_MODE

_MOVING_MODE = 0o755 | stat.S_ISVTX


def move(source: Place, target: Place) -> None:
    """The directory is at ``target``, durably, with the mode it had. Repeatable after a crash."""
    if source.is_directory():
        target.above.make_directory()
        if target.stat() is not None:
            raise PreconditionFailed(target.name)
        with source.directory(os.O_RDONLY) as moving:
            if stat.S_IMODE(os.fstat(moving).st_mode) == DIRECTORY_MODE:
                os.fchmod(moving, _MOVING_MODE)
        with source.parent() as old, target.parent() as new:
            os.rename(source.name, target.name, src_dir_fd=old, dst_dir_fd=new)
    elif not target.is_directory():
        raise KeyNotFound(source.name)
    # Also where somebody has moved it before: he may have died before the entries were on the disk.
    target.sync_entry()
    source.sync_entry()
    with target.directory(os.O_RDONLY) as moved:
        if stat.S_IMODE(os.fstat(moved).st_mode) == _MOVING_MODE:
            os.fchmod(moved, DIRECTORY_MODE)
            os.fsync(moved)


def remove(top: Place) -> None:
    """Nothing is left of the directory, durably."""
    with suppress(FileNotFoundError), top.parent(os.O_RDONLY) as parent:
        if top.is_directory():
            for _, _, _, directory in os.fwalk(top.name, dir_fd=parent):
                os.fchmod(directory, 0o700)
            shutil.rmtree(top.name, dir_fd=parent)
        os.fsync(parent)  # whoever removed it before may have died before this


def _carry(name: str, old: int, target: str, new: int) -> None:
    """What a rename does, onto another disk: what lies there, a link or a FIFO too, is copied and then removed."""
    status = os.stat(name, dir_fd=old, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        with (
            os.fdopen(open_file(name, os.O_RDONLY, old), "rb") as reader,
            os.fdopen(open_file(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, new), "wb") as writer,
        ):
            shutil.copyfileobj(reader, writer)
            writer.flush()
            os.fsync(writer.fileno())
    elif stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=old), target, dir_fd=new)
    else:
        os.mknod(target, status.st_mode, status.st_rdev, dir_fd=new)
    os.unlink(name, dir_fd=old)


def set_aside(source: Place, target: Place) -> None:
    """What lies at the source is at the target, or beside what is there; its directory has the mode that it had."""
    target.above.make_directory()
    while target.stat() is not None:
        target = Place(target.root, f"{target.key}~")
    with source.parent(os.O_RDONLY) as old, target.parent() as new:
        mode = stat.S_IMODE(os.fstat(old).st_mode)
        os.fchmod(old, mode | 0o700)
        try:
            try:
                os.rename(source.name, target.name, src_dir_fd=old, dst_dir_fd=new)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                _carry(source.name, old, target.name, new)
            os.fsync(old)
        finally:
            os.fchmod(old, mode)
    target.sync_entry()

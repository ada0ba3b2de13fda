"""A published package moves as a whole: out of its readers' sight, and back.

A directory that nobody may write cannot be moved by its owner either, so it is opened for the move. The
sticky bit marks one that was opened, so that whoever finishes the move knows to seal it again.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from ..contract import KeyNotFound, PreconditionFailed
from .posix import fsync_directory, make_directories
from .staging import DIRECTORY_MODE

_MOVING_MODE = 0o755 | stat.S_ISVTX


def move(source: Path, target: Path, *, stop: Path) -> None:
    """The directory is at ``target``, durably, with the mode it had. Repeatable after a crash."""
    if os.path.lexists(source):
        make_directories(target.parent, stop=stop)
        if os.path.lexists(target):
            raise PreconditionFailed(target.name)
        if stat.S_IMODE(source.stat().st_mode) == DIRECTORY_MODE:
            os.chmod(source, _MOVING_MODE)
        os.rename(source, target)
    elif not os.path.lexists(target):
        raise KeyNotFound(source.name)
    # Also where somebody has moved it before: he may have died before the entries were on the disk.
    fsync_directory(target.parent)
    fsync_directory(source.parent)
    if stat.S_IMODE(target.stat().st_mode) == _MOVING_MODE:
        os.chmod(target, DIRECTORY_MODE)
        fsync_directory(target)


def remove(top: Path) -> None:
    """Nothing is left of the directory, durably."""
    if os.path.lexists(top):
        for directory, _, _ in os.walk(top):
            os.chmod(directory, 0o700)
        shutil.rmtree(top)
    with suppress(FileNotFoundError):  # whoever removed it before may have died before this
        fsync_directory(top.parent)

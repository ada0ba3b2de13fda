"""A file becomes part of a package being built without a copy of its bytes: by a clone or a hard link.

What the caller is told of it was read from the very bytes that are there then, or is known of the very same file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from io import FileIO

from ..cloning import clone
from ..contract import Artifact, KeyNotFound, Prove
from ..uploads import Incoming
from .beneath import Place
from .failures import Planted
from .receiving import mark_of, write_all
from .staging import FILE_MODE

Sync = Callable[[int], None]
_NO_LINK = {errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS}


def link_in(name: str, fd: int, target: Place, sync: Sync, *, dir_fd: int) -> None:
    """The open file, found under the name, is at the target too, read-only; ``sync`` makes it durable.

    Raises ``KeyNotFound`` if the name has become another file's on the way; then nothing is at the target.
    """
    with target.parent() as parent:
        os.link(name, target.name, src_dir_fd=dir_fd, dst_dir_fd=parent, follow_symlinks=False)
        if not os.path.samestat(os.stat(target.name, dir_fd=parent, follow_symlinks=False), os.fstat(fd)):
            os.unlink(target.name, dir_fd=parent)
            raise KeyNotFound(target.name)
    if stat.S_IMODE(os.fstat(fd).st_mode) != FILE_MODE:
        os.fchmod(fd, FILE_MODE)
    sync(fd)


def take(data: int, fd: int, file: Incoming, target: Place, sync: Sync, prove: Prove) -> Artifact:
    """The target is the open file that has arrived in the directory ``data``; as it was recorded, or as it is read.

    Raises ``KeyNotFound`` if it has another size than was said.
    """
    status = os.fstat(fd)
    if status.st_size != file.size_bytes:
        raise KeyNotFound(file.path)
    link_in(file.file_id, fd, target, sync, dir_fd=data)
    if file.mark in (mark_of(status), mark_of(status, synced=False)):
        return Artifact(file.path, file.sha256 or "", file.size_bytes)
    return Artifact(file.path, *_read(fd, prove))


def borrow(source: Place, wanted: Artifact, target: Place, sync: Sync, prove: Prove) -> Artifact:
    """The target has the bytes of a published file, which are those that are returned.

    A clone shares extents and nothing else. A link shares the file itself, which is read-only. Where the filesystem
    can do neither, or a file has as many links as it may have, it is copied. What is read is the clone, the file that
    is linked, or what is copied. Raises ``KeyNotFound`` if the file is gone or has another size than is wanted.
    """
    try:
        fd = source.open(os.O_RDONLY)
    except Planted:
        raise KeyNotFound(wanted.path) from None
    try:
        if os.fstat(fd).st_size != wanted.size_bytes:
            raise KeyNotFound(wanted.path)
        if _clone(fd, target, sync):
            clone_fd = target.open(os.O_RDONLY)
            try:
                return Artifact(wanted.path, *_read(clone_fd, prove))
            finally:
                os.close(clone_fd)
        if _link(source, fd, target, sync):
            return Artifact(wanted.path, *_read(fd, prove))
        return Artifact(wanted.path, *_copy(fd, target, sync, prove))
    finally:
        os.close(fd)


def _read(fd: int, prove: Prove) -> tuple[str, int]:
    with os.fdopen(os.dup(fd), "rb", buffering=0) as reader:
        return prove(reader)


def _clone(fd: int, target: Place, sync: Sync) -> bool:
    new = _create(target)
    try:
        if clone(fd, new):
            os.fchmod(new, FILE_MODE)
            sync(new)
            return True
    except OSError:
        pass
    finally:
        os.close(new)
    with target.parent() as parent:
        os.unlink(target.name, dir_fd=parent)
    return False


def _link(source: Place, fd: int, target: Place, sync: Sync) -> bool:
    if stat.S_IMODE(os.fstat(fd).st_mode) != FILE_MODE:
        return False  # not sealed as ours are: its owner may change it
    try:
        with source.parent() as parent:
            link_in(source.name, fd, target, sync, dir_fd=parent)
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise
    return True


class _Copying(FileIO):
    """A reader of a file; what is read of it is in another one too."""

    def __init__(self, fd: int, new: int) -> None:
        super().__init__(os.dup(fd), "rb")
        self._new = new

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        count = super().readinto(buffer) or 0
        write_all(self._new, buffer[:count])
        return count


def _copy(fd: int, target: Place, sync: Sync, prove: Prove) -> tuple[str, int]:
    new = _create(target)
    try:
        with _Copying(fd, new) as reader:
            copied = prove(reader)
        os.fchmod(new, FILE_MODE)
        sync(new)
        return copied
    finally:
        os.close(new)


def _create(target: Place) -> int:
    return target.open(os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)

"""A file becomes part of a package being built without a copy of its bytes: by a clone or a hard link."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

from ..cloning import clone
from ..contract import Artifact, KeyNotFound
from .staging import FILE_MODE

_CHUNK_BYTES = 1024 * 1024
_NO_LINK = {errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS}


def link_in(name: str | Path, fd: int, target: Path, *, dir_fd: int | None = None) -> None:
    """The open file, found under the name, is at the target too, read-only and durable once its directory is.

    Raises ``KeyNotFound`` if the name has become another file's on the way; then nothing is at the target.
    """
    os.link(name, target, src_dir_fd=dir_fd, follow_symlinks=False)
    if not os.path.samestat(os.lstat(target), os.fstat(fd)):
        os.unlink(target)
        raise KeyNotFound(target.name)
    if stat.S_IMODE(os.fstat(fd).st_mode) != FILE_MODE:
        os.fchmod(fd, FILE_MODE)
    os.fsync(fd)


def borrow(source: Path, wanted: Artifact, target: Path) -> None:
    """The target has the bytes of a published file. Raises ``KeyNotFound`` if that is gone or has another size.

    A clone shares extents and nothing else. A link shares the file itself, which is read-only. Where the filesystem
    can do neither, or a file has as many links as it may have, it is copied, and the copy proven.
    """
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size != wanted.size_bytes:
            raise KeyNotFound(wanted.path)
        if not _clone(fd, target) and not _link(source, fd, target):
            _copy(fd, wanted, target)
    finally:
        os.close(fd)


def _clone(fd: int, target: Path) -> bool:
    new = _create(target)
    try:
        if not clone(fd, new):
            os.unlink(target)
            return False
        os.fchmod(new, FILE_MODE)
        os.fsync(new)
        return True
    except OSError:
        os.unlink(target)
        return False
    finally:
        os.close(new)


def _link(source: Path, fd: int, target: Path) -> bool:
    if stat.S_IMODE(os.fstat(fd).st_mode) != FILE_MODE:
        return False  # not sealed as ours are: its owner may change it
    try:
        link_in(source, fd, target)
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise
    return True


def _copy(fd: int, wanted: Artifact, target: Path) -> None:
    new = _create(target)
    try:
        sha = hashlib.sha256()
        while chunk := os.read(fd, _CHUNK_BYTES):
            sha.update(chunk)
            left = memoryview(chunk)
            while left:
                left = left[os.write(new, left) :]
        if sha.hexdigest() != wanted.sha256:
            os.unlink(target)
            raise KeyNotFound(wanted.path)
        os.fchmod(new, FILE_MODE)
        os.fsync(new)
    finally:
        os.close(new)


def _create(target: Path) -> int:
    return os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

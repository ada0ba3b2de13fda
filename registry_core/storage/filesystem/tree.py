"""The storage contract on one directory tree: documents, packages and uploads, each in a module of its own."""

from __future__ import annotations

import errno
import logging
import os
import stat
from pathlib import Path

from ...vocabulary.errors import NotConfigured, StorageError
from ..contract import Storage
from .beneath import Place
from .documents import FilesystemDocuments, new_draft
from .packages import FilesystemPackages
from .staging import FILE_MODE, STAGING
from .uploads import FilesystemUploads

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES}

log = logging.getLogger(__name__)


class FilesystemStorage(Storage):
    """A registry root on a local (or properly locking) filesystem. The directory must exist."""

    def __init__(self, root: str | Path) -> None:
        self._is_tried = False
        self.root = Path(os.path.abspath(root))  # by its name each time, which may come to stand for another one
        self._top = os.fspath(self.root)
        super().__init__(FilesystemDocuments(self._top), FilesystemPackages(self._top), FilesystemUploads(self._top))

    def directory(self) -> str | None:
        return str(self.root)

    def probe(self, *, for_writing: bool = True) -> int | None:
        self.place()
        try:
            return self._probe(for_writing)
        except OSError as error:
            raise _unusable(error) from error

    def place(self, key: str = "") -> str:
        try:
            found = os.stat(
                f"{self._top}/{key}" if key else self._top, follow_symlinks=not key
            )  # it may be a link itself
        except OSError as error:
            if key and isinstance(error, (FileNotFoundError, NotADirectoryError)):
                return ""
            raise _unusable(error) from error
        if stat.S_ISDIR(found.st_mode):
            return f"{found.st_dev}:{found.st_ino}"
        if not key:
            raise _unusable(NotADirectoryError())
        return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"

    def check_guarantees(self) -> None:
        """What a filesystem promises is tried by :meth:`now`, before the first change: here nothing may be written."""

    def now(self) -> float | None:
        staging = Place(self.root, STAGING)
        try:
            staging.make_directory(for_drafts=True)
            with staging.directory() as directory:
                draft, fd = new_draft(directory)
                try:
                    os.write(fd, b"?")  # over a network, the server says when
                    there = os.fstat(fd).st_mtime
                    if not self._is_tried:
                        _require_promises(draft, fd, directory)
                        self._is_tried = True
                    return there
                finally:
                    os.close(fd)
                    os.unlink(draft, dir_fd=directory)
        except (OSError, StorageError) as error:
            log.warning("the storage's own clock cannot be told: %s", error)
            return None

    def _probe(self, for_writing: bool) -> int | None:
        wanted = os.R_OK | os.X_OK | (os.W_OK if for_writing else 0)
        for place in (self.root, self.root / STAGING) if for_writing else (self.root,):
            if os.path.lexists(place) and not os.access(place, wanted, effective_ids=True):
                raise NotConfigured(
                    f"The registry root is not {'writable' if for_writing else 'readable'} for user {os.geteuid()}. "
                    "Give that user the directory, or run the service as its owner.",
                    reason="root_not_writable" if for_writing else "root_not_readable",
                )
        volume = os.statvfs(self.root)
        return volume.f_bavail * volume.f_frsize if volume.f_blocks else None  # some tell nothing


def _require_promises(draft: str, fd: int, staging: int) -> None:
    """Files have several names, in whatever directory, and the modes that they are given. Leaves nothing behind.

    Raises ``NotConfigured`` saying what is not so, and ``OSError``.
    """
    inside = draft.removesuffix(".doc")
    os.mkdir(inside, 0o700, dir_fd=staging)
    try:
        os.link(draft, f"{inside}/{draft}", src_dir_fd=staging, dst_dir_fd=staging)
        os.unlink(f"{inside}/{draft}", dir_fd=staging)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise _lacks("puts the directories of one root on disks between which nothing can be linked") from error
        if error.errno in _NO_LINKS:
            raise _lacks("has no hard links") from error
        raise
    finally:
        os.rmdir(inside, dir_fd=staging)
    os.fchmod(fd, FILE_MODE)
    if stat.S_IMODE(os.fstat(fd).st_mode) != FILE_MODE:
        raise _lacks("ignores the modes that files are given")


def _lacks(what: str) -> NotConfigured:
    return NotConfigured(
        f"The filesystem of the registry root {what}. Without that nothing can be published there whole and kept as it "
        "is, so the registry changes nothing. Use a local filesystem, NFS, or an object store.",
        reason="root_filesystem",
    )


def _unusable(error: OSError) -> NotConfigured:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return NotConfigured(
            "The registry root is not there, or is not a directory. Create it or mount it, "
            "and check OMNIBIOAI_MODEL_REGISTRY_ROOT.",
            reason="root_missing",
        )
    log.error("the registry root cannot be looked at: %s", error)
    return NotConfigured(
        f"The registry root cannot be looked at ({error.strerror}). The service's log has the place.",
        reason="root_unusable",
    )

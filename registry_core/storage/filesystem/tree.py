"""The storage contract on one directory tree: documents, packages and uploads, each in a module of its own."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from ...vocabulary.errors import NotConfigured, StorageError
from ..contract import Storage
from .beneath import Place
from .documents import FilesystemDocuments, new_draft
from .packages import FilesystemPackages
from .staging import STAGING
from .uploads import FilesystemUploads

log = logging.getLogger(__name__)


class FilesystemStorage(Storage):
    """A registry root on a local (or properly locking) filesystem. The directory must exist."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(os.path.abspath(root))  # by its name each time, which may come to stand for another one
        super().__init__(FilesystemDocuments(self.root), FilesystemPackages(self.root), FilesystemUploads(self.root))

    def probe(self, *, for_writing: bool = True) -> int | None:
        self.place()
        try:
            return self._probe(for_writing)
        except OSError as error:
            raise _unusable(error) from error

    def place(self, key: str = "") -> str:
        try:
            found = os.stat(self.root / key, follow_symlinks=not key)  # the root itself may be a link
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
        """There is nothing to prove: what a filesystem promises is POSIX."""

    def now(self) -> float | None:
        staging = Place(self.root, STAGING)
        try:
            staging.make_directory()
            with staging.directory() as directory:
                draft, fd = new_draft(directory)
                try:
                    os.write(fd, b"?")  # over a network, the server says when
                    return os.fstat(fd).st_mtime
                finally:
                    os.close(fd)
                    os.unlink(draft, dir_fd=directory)
        except (OSError, StorageError) as error:
            log.warning("the storage's own clock cannot be told: %s", error)
            return None

    def _probe(self, for_writing: bool) -> int:
        wanted = os.R_OK | os.X_OK | (os.W_OK if for_writing else 0)
        for place in (self.root, self.root / STAGING) if for_writing else (self.root,):
            if os.path.lexists(place) and not os.access(place, wanted, effective_ids=True):
                raise NotConfigured(
                    f"The registry root is not {'writable' if for_writing else 'readable'} for user {os.geteuid()}. "
                    "Give that user the directory, or run the service as its owner.",
                    reason="root_not_writable" if for_writing else "root_not_readable",
                )
        volume = os.statvfs(self.root)
        return volume.f_bavail * volume.f_frsize


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

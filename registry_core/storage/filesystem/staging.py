"""An attempt on a filesystem: ``.staging/<attempt>/`` holds the package until one rename moves it.

Beside the package lies a lock file, held while the attempt lives: a sweep that gets it knows that
the owner is gone.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import time
import uuid
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from ...vocabulary.errors import StorageError, StorageUnavailable
from ...vocabulary.names import check_key
from ..contract import Artifact, Facts, KeyNotFound, PreconditionFailed, Source, Staging
from ..locks import is_held, release, try_hold
from .posix import directories_of, fsync_directory, make_directories, translated_errors

log = logging.getLogger(__name__)

STAGING = ".staging"
LOCK = ".lock"
DIRECTORY_MODE = 0o555
FILE_MODE = 0o444
_PACKAGE = "package"
_TRIES = 20


class FilesystemStaging(Staging):
    """``.staging/<attempt>/``: a lock file that says "alive", and the package being built."""

    def __init__(
        self,
        root: Path,
        attempt: str | None,
        package: str | None = None,
        held: FileLock | None = None,
    ) -> None:
        self._root = root
        self._target = root / package if package is not None else None
        self._kept = attempt is not None
        if attempt is None:
            make_directories(root / STAGING, stop=root)
            attempt, held = _begin(root / STAGING)
        self.attempt = check_key(attempt)
        self._home = root / STAGING / self.attempt
        self._package = self._home / _PACKAGE
        self._held = held

    def __exit__(self, *exc_info: object) -> None:
        if self._kept:
            self._let_go()
            return
        try:
            self.discard()
        except StorageError:
            log.error("the attempt %s is left to a sweep", self.attempt)  # what failed before it matters more

    def place(self, path: str) -> Path:
        """Where the file of that path is to lie; the directories above are there. Raises ``OSError``."""
        target = self._package / check_key(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def add(self, path: str, source: Source) -> Artifact:
        with translated_errors(path):
            target = self.place(path)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(target, flags, 0o600)
            with os.fdopen(fd, "r+b", buffering=0) as sink:
                sha256, size_bytes = source.pour(sink)
                os.fchmod(fd, FILE_MODE)
                os.fsync(fd)
        return Artifact(path, sha256, size_bytes)

    def seal(self) -> None:
        with translated_errors(self.attempt):
            for directory in directories_of(self._package):
                fsync_directory(directory)
            fsync_directory(self._home)
            fsync_directory(self._home.parent)

    def reserve(self) -> None:
        target = self._require_target()
        with translated_errors(target.name):
            make_directories(target.parent, stop=self._root)
            # rename(2) replaces an empty directory without a word, so look first; all writers
            # of this registry look under the same lock.
            if os.path.lexists(target):
                raise PreconditionFailed(target.name)

    def keep(self) -> None:
        self._kept = True

    def publish(self, facts: Facts) -> None:
        target = self._require_target()
        self.keep()
        with translated_errors(target.name):
            staged = self._package.is_dir()
            present = os.path.lexists(target)
            if staged and present:
                raise PreconditionFailed(target.name)
            if not staged and not present:
                raise KeyNotFound(target.name)
            if staged:
                os.rename(self._package, target)
                fsync_directory(target.parent)
                fsync_directory(self._home)
            _seal_tree(target)
        try:
            self.discard()
        except StorageError:
            log.error("the shell of attempt %s is left to a sweep", self.attempt)

    def discard(self) -> None:
        try:
            with translated_errors(self.attempt):
                _remove(self._home)
        finally:
            self._let_go()

    def _require_target(self) -> Path:
        assert self._target is not None, "an attempt held by a sweep is only ever discarded"
        return self._target

    def _let_go(self) -> None:
        if self._held is not None:
            release(self._held)


def _begin(staging: Path) -> tuple[str, FileLock]:
    """(a new attempt with an empty package, the lock that holds it)."""
    for _ in range(_TRIES):
        home = staging / uuid.uuid4().hex
        held = None
        try:
            os.mkdir(home)
            with suppress(FileNotFoundError):  # a sweep held it first, and is removing it
                held = try_hold(home / LOCK)
            if held is not None:
                os.mkdir(home / _PACKAGE)
                return home.name, held
            with suppress(OSError):  # or somebody only looks whether it lives
                _remove(home)
        except OSError:
            if held is not None:
                release(held)
            with suppress(OSError):
                _remove(home)
            raise
    raise StorageUnavailable("Sweeps kept taking the staging directory at once. Try again.", retry_after_s=1)


def _remove(home: Path) -> None:
    with suppress(FileNotFoundError):  # somebody else has removed it, or is doing so
        shutil.rmtree(home)


def is_sealed(path: Path) -> bool:
    """Whether the package's sealing is finished."""
    return stat.S_IMODE(path.stat().st_mode) == DIRECTORY_MODE


def _seal_tree(top: Path) -> None:
    """Directories read-only, the top one last: its mode says that the sealing is finished."""
    if is_sealed(top):
        return
    for directory in directories_of(top):
        os.chmod(directory, DIRECTORY_MODE)
        fsync_directory(directory)


def hold_abandoned(path: Path) -> FileLock | None:
    """The lock of an attempt whose owner is gone; None if somebody has it, or nobody can."""
    try:
        return try_hold(path / LOCK)
    except OSError:
        return None


def is_alive(path: Path) -> bool:
    """Whether somebody holds the attempt; looking creates nothing."""
    return is_held(path / LOCK)


def has_content(path: Path) -> bool:
    """Whether more than the shell of an attempt is left, as after a publish."""
    return path.is_file() or (path / _PACKAGE).is_dir()


def age_s(path: Path) -> float:
    """Seconds since the attempt began; 0 if it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0

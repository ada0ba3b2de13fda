"""An attempt on a filesystem: ``.staging/<attempt>/`` holds the package until one rename moves it.

Beside the package lies a lock file, held while the attempt lives: a sweep that gets it knows that
the owner is gone.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, cast

from ...vocabulary.errors import NotConfigured, StorageError, StorageUnavailable
from ...vocabulary.texts import check_key, escaped
from ...vocabulary.times import steady_s
from ..contract import Artifact, Facts, KeyNotFound, PreconditionFailed, Readable, Source, Staging
from ..locks import hold_open_file, is_held, let_go
from ..syncing import Sink, Syncs
from .beneath import DIRECTORY_BITS, Place, disk_of, open_file, open_lock, translated_errors
from .building import Building
from .one_file import open_stream

log = logging.getLogger(__name__)

STAGING = ".staging"
DIRECTORY_MODE = 0o555
FILE_MODE = 0o444
_PACKAGE = "package"
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL
_TRIES = 20
_KEPT = {errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY}


class FilesystemStaging(Staging):
    """``.staging/<attempt>/``: a lock file that says "alive", and the package being built."""

    def __init__(
        self,
        root: str,
        attempt: str | None,
        package: str | None = None,
        held: int | None = None,
    ) -> None:
        self._target = Place(root, package) if package is not None else None
        self._kept = attempt is not None
        if attempt is None:
            staging = Place(root, STAGING)
            staging.make_directory(for_drafts=True)  # until it is sealed
            if self._target is not None:
                require_room(staging, self._target.above)  # before hours of copying
            attempt, held = _begin(staging)
        self.attempt = attempt
        self._home = Place(root, f"{STAGING}/{attempt}")
        self._package = self._home / _PACKAGE
        self._building = Building(self._package)
        self._held = held
        self.syncs = Syncs(held)

    def __exit__(self, *exc_info: object) -> None:
        if self._kept:
            self._let_go()
            return
        try:
            self.discard()
        except StorageError:
            log.error("the attempt %s is left to a sweep", self.attempt)  # what failed before it matters more

    def place(self, path: str) -> Place:
        """Where the file of that path is to lie; the directories above are there. Raises ``OSError``."""
        return self._building.place(path)

    def add(self, path: str, source: Source) -> Artifact:
        with translated_errors(path), Sink(self.place(path).open(_NEW_FILE, 0o600)) as sink:
            sha256, size_bytes = source.pour(cast(BinaryIO, sink))
            os.fchmod(sink.fileno(), FILE_MODE)
            sink.settle()
            self.syncs.file(sink.fileno())
        return Artifact(path, sha256, size_bytes)

    def seal(self) -> None:
        with translated_errors(self.attempt), self._home.parent(os.O_RDONLY) as staging:
            with self._home.directory(os.O_RDONLY) as home:
                for path, directory in _walk(_PACKAGE, home):
                    if path != _PACKAGE:  # which could not be moved any more
                        os.fchmod(directory, DIRECTORY_MODE)
                    self.syncs.directory(directory)
                self.syncs.directory(home)
            self.syncs.directory(staging)
            self.syncs.rest()
            Place(self._home.root, STAGING).sync_entry()

    def open(self, path: str, start: int = 0, length: int | None = None) -> Readable:
        return open_stream(self._package / check_key(path), start, length)

    def reserve(self) -> None:
        target = self._require_target()
        with translated_errors(target.key):
            target.above.make_directory()
            require_room(self._home, target.above)
            # rename(2) replaces an empty directory without a word, so look first; all writers
            # of this registry look under the same lock.
            if target.stat() is not None:
                raise PreconditionFailed(target.name)

    def keep(self) -> None:
        self._kept = True

    def publish(self, facts: Facts) -> None:
        target = self._require_target()
        self.keep()
        with translated_errors(target.key):
            staged = self._package.is_directory()
            present = target.stat() is not None
            if staged and present:
                raise PreconditionFailed(target.name)
            if not staged and not present:
                raise KeyNotFound(target.name)
            if staged:
                with self._home.directory() as home, target.parent(os.O_RDONLY) as parent:
                    os.rename(_PACKAGE, target.name, src_dir_fd=home, dst_dir_fd=parent)
                    os.fsync(parent)
            seal_tree(target)
        try:
            self.discard()
        except StorageError:
            log.error("the shell of attempt %s is left to a sweep", self.attempt)

    def discard(self) -> None:
        try:
            with translated_errors(self.attempt):
                try:
                    _remove(self._home)
                except OSError as error:
                    if error.errno not in _KEPT:
                        raise
                    self._let_go()  # over NFS a file that is open stays, by another name, and so does its directory
                    _remove(self._home)
        finally:
            self._let_go()

    def _require_target(self) -> Place:
        assert self._target is not None, "an attempt held by a sweep is only ever discarded"
        return self._target

    def _let_go(self) -> None:
        self._building.close()
        held, self._held = self._held, None
        if held is not None:
            let_go(held)


def require_room(source: Place, target: Place) -> None:
    """Something can be moved from the one directory to the other, which may not be there yet. Makes nothing.

    Raises ``NotConfigured`` naming the place where it cannot, and ``OSError``.
    """
    while True:
        try:
            with source.directory() as old, target.directory() as new:
                with translated_errors(target.key):
                    there = disk_of(new)
                if disk_of(old) != there:
                    raise _other_disk(target.key)
                return
        except FileNotFoundError:
            if not target.key or source.stat() is None:
                raise
            target = target.above


def _other_disk(key: str) -> NotConfigured:
    key = escaped(key)
    return NotConfigured(
        f"{key!r} lies on another disk than the registry's .staging or than where it comes from, or is a mount of its "
        "own: nothing can be moved there. What is there is served, and its aliases can be moved.",
        reason="root_layout",
        path=key,
    )


def _begin(staging: Place) -> tuple[str, int]:
    """(a new attempt with an empty package, the open file that holds it)."""
    for _ in range(_TRIES):
        home = staging / uuid.uuid4().hex
        held = None
        try:
            with staging.directory() as directory:
                os.mkdir(home.name, DIRECTORY_BITS, dir_fd=directory)
            with suppress(FileNotFoundError):  # a sweep held it first, and is removing it
                held = _hold(home)
                if held is not None:
                    with home.directory() as inside:
                        os.mkdir(_PACKAGE, DIRECTORY_BITS, dir_fd=inside)
                    return home.name, held
            with suppress(OSError):  # or somebody only looks whether it lives
                _remove(home)
        except OSError:
            if held is not None:
                let_go(held)
            with suppress(OSError):
                _remove(home)
            raise
    raise StorageUnavailable("Sweeps kept taking the staging directory at once. Try again.", retry_after_s=1)


def _hold(home: Place) -> int | None:
    """The held lock file of an attempt; None if somebody else has it."""
    fd = open_lock(home)
    try:
        if hold_open_file(fd):
            return fd
    except OSError:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _remove(home: Place) -> None:
    with suppress(FileNotFoundError), home.parent() as staging:  # somebody else has removed it, or is doing so
        try:
            shutil.rmtree(home.name, dir_fd=staging)
        except PermissionError:
            for _, _, _, directory in os.fwalk(home.name, dir_fd=staging):
                os.fchmod(directory, 0o700)  # it may be sealed already
            shutil.rmtree(home.name, dir_fd=staging)


def _walk(name: str, parent: int) -> Iterator[tuple[str, int]]:
    """The directory of that name in the open one and all below it, deepest first, each open while it is its turn."""

    def fail(error: OSError) -> None:
        raise error

    for path, _, _, fd in os.fwalk(name, topdown=False, onerror=fail, dir_fd=parent):
        yield path, fd


def is_sealed(place: Place) -> bool:
    """Whether the package's sealing is finished. Raises ``FileNotFoundError``."""
    with place.directory() as top:
        return stat.S_IMODE(os.fstat(top).st_mode) == DIRECTORY_MODE


def seal_tree(top: Place) -> None:
    """Directories read-only, the top one last: its mode says that the sealing is finished."""
    if is_sealed(top):
        return
    with top.parent() as parent:
        for _, directory in _walk(top.name, parent):
            if stat.S_IMODE(os.fstat(directory).st_mode) != DIRECTORY_MODE:
                os.fchmod(directory, DIRECTORY_MODE)
                os.fsync(directory)


def remove_abandoned(draft: str, staging: int) -> None:
    """The draft is gone, unless its owner lives."""
    with suppress(FileNotFoundError):
        fd = open_file(draft, os.O_RDWR, staging)
        try:
            if hold_open_file(fd):
                os.unlink(draft, dir_fd=staging)
        finally:
            os.close(fd)


def hold_abandoned(home: Place) -> int | None:
    """The held lock of an attempt whose owner is gone; None if somebody has it, or nobody can."""
    try:
        return _hold(home)
    except OSError:
        return None


def is_alive(place: Place) -> bool:
    """Whether somebody holds the file; looking creates nothing."""
    try:
        fd = place.open(os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return True  # another user's, who may well be at it
    try:
        return is_held(fd)
    finally:
        os.close(fd)


def has_content(home: Place) -> bool:
    """Whether more than the shell of an attempt is left, as after a publish."""
    found = home.stat()
    return found is not None and (not stat.S_ISDIR(found.st_mode) or (home / _PACKAGE).stat() is not None)


def age_s(place: Place) -> float:
    """Seconds since the attempt began; 0 if it is gone."""
    found = place.stat()
    return steady_s() - found.st_mtime if found is not None else 0.0

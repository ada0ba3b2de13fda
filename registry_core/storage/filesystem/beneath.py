"""The one way to what lies below the root: through no link, without waiting, and only to what the registry puts there.

The root is opened by its path anew each time, and may be a link itself. From there each step of a key goes from the
open directory above it and follows no symbolic link, all steps in one call where Linux has it (openat2). A file is
opened without waiting and counts only if it is a regular one. A mount point on the way is as good as a directory.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...vocabulary.errors import (
    ArtifactsRefused,
    IntegrityError,
    NotConfigured,
    PackageCorrupt,
    RegistryError,
    StorageFull,
    StorageUnavailable,
)
from ...vocabulary.names import check_key
from ...vocabulary.texts import escaped
from ..contract import KeyNotFound, PreconditionFailed
from ..locks import LOCK_BITS

log = logging.getLogger(__name__)

_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_FILE = {errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR}  # what opening something else can end in
_LEASE_BREAK_S = 60.0  # the kernel takes a lease away after 45 s
_LEASE_POLL_S = 0.02
FILE_BITS, DIRECTORY_BITS = 0o664, 0o775  # less the umask; not for everybody to write, whatever the umask
_OPENAT2 = 437  # on every machine that Linux runs on
_NO_LINKS = 0x04  # RESOLVE_NO_SYMLINKS
LOCK = ".lock"
DIRECTORY, FILE, LINK = "a directory", "a file", "a symbolic link"
HOME_STEPS = 4  # of the key of what has a lock, a log, and packages
_KINDS = (
    (stat.S_ISLNK, LINK),
    (stat.S_ISDIR, DIRECTORY),
    (stat.S_ISREG, FILE),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
)


class Planted(OSError):
    """At the key, or on the way to it, lies what the registry never puts there: ``kind`` says what, at ``key``."""

    def __init__(self, key: str, kind: str) -> None:
        super().__init__(errno.ELOOP, f"{key} is {kind}", key)
        self.key, self.kind = key, kind


class Place:
    """What has a key in the root. Making one touches nothing; every use begins at the root's path."""

    __slots__ = ("_above", "key", "name", "root")

    def __init__(self, root: Path, key: str) -> None:
        self.root, self.key = root, check_key(key) if key else key
        self._above, _, self.name = key.rpartition("/")

    def __truediv__(self, name: str) -> Place:
        return Place(self.root, f"{self.key}/{name}")

    @property
    def above(self) -> Place:
        return Place(self.root, self._above)

    @property
    def path(self) -> str:
        """The place in words for others; nothing here opens it by that."""
        return os.path.join(self.root, self.key)

    # what lies there

    def stat(self) -> os.stat_result | None:
        """What lies there now, a link itself included; None only if that is nothing. Raises ``OSError``."""
        try:
            with self.parent() as parent:
                return os.stat(self.name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def is_directory(self) -> bool:
        """Whether a directory is there; nothing or a file is otherwise. Raises ``Planted`` and other ``OSError``."""
        found = self.stat()
        if found is None or stat.S_ISREG(found.st_mode):
            return False
        if not stat.S_ISDIR(found.st_mode):
            raise Planted(self.key, kind_of(found))
        return True

    # opened

    @contextmanager
    def directory(self, access: int = os.O_PATH) -> Iterator[int]:
        """The directory, open: with ``O_PATH`` to start from, with ``O_RDONLY`` to list, sync and change it too."""
        try:
            fd = _open_directory(self.root, self.key, access)
        except NotADirectoryError:
            raise Planted(self.key, FILE) from None
        try:
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def parent(self, access: int = os.O_PATH) -> Iterator[int]:
        """The directory that it lies in, open, where its name is ``name``."""
        fd = _open_directory(self.root, self._above, access)
        try:
            yield fd
        finally:
            os.close(fd)

    def open(self, flags: int, mode: int = FILE_BITS) -> int:
        """A descriptor of the regular file. Raises ``FileNotFoundError``, ``Planted`` and other ``OSError``."""
        with self.parent() as parent:
            return open_file(self.name, flags, parent, mode, key=self.key)

    # changed

    def make_directory(self, *, for_drafts: bool = False) -> None:
        """The directory is there, and so will it be after a power cut; those above too, but not the root.

        Somebody may have made the one that is there and died before its entry was on the disk; not if it holds
        something: nobody puts anything into one before this, but for drafts, which may go with it (``for_drafts``).
        """
        if not self.key:
            return
        try:
            if not self._holds_something() and not for_drafts:
                self.sync_entry()
        except FileNotFoundError:
            self.above.make_directory()
            with self.parent(os.O_RDONLY) as parent:
                with suppress(FileExistsError):
                    os.mkdir(self.name, DIRECTORY_BITS, dir_fd=parent)
                os.close(_step(self.name, parent, self.key))
                os.fsync(parent)

    def _holds_something(self) -> bool:
        with suppress(PermissionError), self.directory(os.O_RDONLY) as directory, os.scandir(directory) as inside:
            return next(inside, None) is not None
        return False

    def sync_entry(self) -> None:
        """What is said of it where it lies, its name or that it is gone, is on the disk."""
        with self.parent(os.O_RDONLY) as parent:
            os.fsync(parent)


def open_file(name: str, flags: int, directory: int, mode: int = FILE_BITS, *, key: str = "") -> int:
    """A descriptor of the regular file of that name in the open directory. Raises ``Planted`` and other ``OSError``.

    A file whose lease another host must give back first (Samba and NFS servers hold such) is waited for.
    """
    deadline = None
    while True:
        try:
            fd = os.open(name, flags | _FILE, mode, dir_fd=directory)
            break
        except BlockingIOError:
            deadline = deadline or time.monotonic() + _LEASE_BREAK_S
            if time.monotonic() > deadline:
                raise
            time.sleep(_LEASE_POLL_S)
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            raise Planted(key or name, kind_of(found)) from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise Planted(key or name, kind_of(found))
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_lock(place: Place) -> int:
    """A descriptor of the file in the directory that is there to be held, by its owner and its group only.

    Older software has let everybody read it, and so hold it.
    """
    with place.directory() as directory:
        fd = open_file(LOCK, os.O_RDWR | os.O_CREAT, directory, LOCK_BITS, key=f"{place.key}/{LOCK}".lstrip("/"))
    try:
        found = os.fstat(fd)
        if found.st_mode & 0o007 and found.st_uid == os.geteuid():
            os.fchmod(fd, stat.S_IMODE(found.st_mode) & ~0o007)
    except BaseException:
        os.close(fd)
        raise
    return fd


def disk_of(directory: int) -> tuple[int, bytes]:
    """Equal for two open directories if a file can be moved from one to the other; a bind mount is a disk of its own.

    Raises ``OSError`` where nothing can be put there.
    """
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=directory, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    try:
        told = Path(f"/proc/self/fdinfo/{directory}").read_bytes()
        mount = told.partition(b"mnt_id:")[2].partition(b"\n")[0]
    except FileNotFoundError:
        mount = b""
    return os.fstat(directory).st_dev, mount


def kind_of(status: os.stat_result) -> str:
    return next((word for is_it, word in _KINDS if is_it(status.st_mode)), "a device")


# what fails, and what that means to the registry


@contextmanager
def translated_errors(key: str, damage: type[IntegrityError] = PackageCorrupt) -> Iterator[None]:
    """An ``OSError`` inside becomes a typed error; every other exception passes unchanged.

    ``damage`` says what it is that something else lies in the place of.
    """
    try:
        yield
    except (KeyNotFound, PreconditionFailed, RegistryError):
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise KeyNotFound(key) from error
    except Planted as error:
        raise _planted(error, damage) from error
    except OSError as error:
        raise _typed(key, error) from error


def _typed(key: str, error: OSError) -> RegistryError:
    if error.errno in _FULL:
        return StorageFull("The registry's storage has no space left. Nothing was changed; free some and try again.")
    if error.errno == errno.ENAMETOOLONG:
        return ArtifactsRefused(f"{key!r} is too long a path for the registry's filesystem.", path=key)
    log.error("storage failed at %s: %s", key, error)
    return StorageUnavailable(
        f"The registry's storage failed ({error.strerror}). The service's log has the place.",
        retry_after_s=5,
        path=escaped(key),
        errno=errno.errorcode.get(error.errno or 0, str(error.errno)),
    )


def _planted(error: Planted, damage: type[IntegrityError]) -> RegistryError:
    key = escaped(error.key)
    remedy = "Find out who put it there, and put back what belongs there."
    if error.kind == LINK:
        remedy = f"For a directory elsewhere, make a directory in its place and 'mount --bind ELSEWHERE ROOT/{key}'."
    message = (
        f"In the registry's root, {key!r} is {error.kind}, which the registry never puts there. It is not followed, "
        f"read or changed. {remedy}"
    )
    log.error("%s", message)
    if key.startswith(".") or key.count("/") < HOME_STEPS:  # working space, or what whole logs and packages lie below
        return NotConfigured(message, reason="root_layout", path=key)
    problem = {"path": key, "kind": "changed", "expected": None, "actual": error.kind}
    return damage(message, problems=[problem])


# all steps at once, or one after the other


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _Openat2:
    """The system call, as long as it is there: older kernels and some sandboxes have none."""

    def __init__(self) -> None:
        self.is_there = True
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        self._call.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)
        self._how = {access: _How(access | _DIRECTORY, 0, _NO_LINKS) for access in (os.O_PATH, os.O_RDONLY)}

    def __call__(self, key: str, top: int, access: int) -> int | None:
        how = self._how[access]
        found: int = self._call(_OPENAT2, top, os.fsencode(key), ctypes.addressof(how), ctypes.sizeof(how))
        if found >= 0:
            return found
        code = ctypes.get_errno()
        if code == errno.ENOENT:
            raise FileNotFoundError(code, os.strerror(code), key)
        if code in (errno.ENOSYS, errno.EPERM):
            self.is_there = False
        return None  # the steps tell why, and where


_openat2 = _Openat2()


def _open_directory(root: Path, key: str, access: int) -> int:
    top = os.open(root, (os.O_PATH if key else access) | os.O_DIRECTORY | os.O_CLOEXEC)
    if not key:
        return top
    try:
        found = _openat2(key, top, access) if _openat2.is_there else None
        return found if found is not None else _each_step(key, top, access)
    finally:
        os.close(top)


def _each_step(key: str, top: int, access: int) -> int:
    steps = key.split("/")
    here = os.dup(top)
    for number, name in enumerate(steps, start=1):
        try:
            below = _step(name, here, "/".join(steps[:number]), access if number == len(steps) else os.O_PATH)
        finally:
            os.close(here)
        here = below
    return here


def _step(name: str, directory: int, key: str, access: int = os.O_PATH) -> int:
    try:
        return os.open(name, access | _DIRECTORY, dir_fd=directory)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):  # nothing lies below a document
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), key) from error
        raise Planted(key, kind_of(found)) from error

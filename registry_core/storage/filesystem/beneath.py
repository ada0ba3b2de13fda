"""The one way to what lies below the root: through no link, without waiting, and only to what the registry puts there.

The root is opened by its path anew each time, and may be a link itself. From there each step of a key goes from the
open directory above it and follows no symbolic link, all steps in one call where Linux has it (openat2). A file is
opened without waiting and counts only if it is a regular one. A mount point on the way is as good as a directory.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...vocabulary.errors import IntegrityError, PackageCorrupt
from ...vocabulary.texts import check_key
from ..contract import KeyNotFound
from ..locks import LOCK_BITS
from .failures import FILE, Planted, kind_of, told, typed

_NO_FILE = {errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR}  # what opening something else can end in
_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TOP = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_OPENAT2 = 437  # on every machine that Linux runs on
_NO_LINKS = 0x04  # RESOLVE_NO_SYMLINKS
_LEASE_BREAK_S = 60.0  # the kernel takes a lease away after 45 s
_LEASE_POLL_S = 0.02
FILE_BITS, DIRECTORY_BITS = 0o664, 0o775  # less the umask; not for everybody to write, whatever the umask
LOCK = ".lock"
_READ_BYTES = 64 * 1024


class Place:
    """What has a key in the root. Making one touches nothing; every use begins at the root's path."""

    __slots__ = ("_above", "key", "name", "root")

    def __init__(self, root: str | Path, key: str) -> None:
        self.root, self.key = os.fspath(root), check_key(key) if key else key
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
        at_once = _is_directory(self.root, self.key)
        if at_once is not None:
            return at_once
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
        fd = _open_regular(self.root, self.key) if flags == os.O_RDONLY else None
        if fd is not None:
            return fd
        with self.parent() as parent:
            return open_file(self.name, flags, parent, mode, key=self.key)

    def read(self) -> bytes:
        """The bytes of the regular file. Raises as :meth:`open`."""
        fd = self.open(os.O_RDONLY)
        try:
            return read_all(fd)
        finally:
            os.close(fd)

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


def read_all(fd: int) -> bytes:
    """What follows in the open file."""
    return b"".join(iter(lambda: os.read(fd, _READ_BYTES), b""))


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


# what fails, and what that means to the registry


class translated_errors:
    """An ``OSError`` inside becomes a typed error; every other exception passes unchanged.

    ``damage`` says what it is that something else lies in the place of.
    """

    __slots__ = ("_damage", "_key")

    def __init__(self, key: str, damage: type[IntegrityError] = PackageCorrupt) -> None:
        self._key, self._damage = key, damage

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise KeyNotFound(self._key) from error
        if isinstance(error, Planted):
            raise told(error, self._damage) from error
        if isinstance(error, OSError):
            raise typed(self._key, error) from error


# all steps at once, or one after the other


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_HOW_BYTES = ctypes.sizeof(_How)


class _Openat2:
    """The system call, as long as it is there: older kernels and some sandboxes have none."""

    def __init__(self) -> None:
        self.is_there = True
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        self._call.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)
        kinds = (os.O_PATH | _DIRECTORY, os.O_RDONLY | _DIRECTORY, os.O_RDONLY | _FILE)
        self._how = {flags: _How(flags, 0, _NO_LINKS) for flags in kinds}
        self._at = {flags: ctypes.addressof(how) for flags, how in self._how.items()}

    def __call__(self, key: str, top: int, flags: int) -> int | None:
        found: int = self._call(_OPENAT2, top, os.fsencode(key), self._at[flags], _HOW_BYTES)
        if found >= 0:
            return found
        code = ctypes.get_errno()
        if code == errno.ENOENT:
            raise FileNotFoundError(code, os.strerror(code), key)
        if code in (errno.ENOSYS, errno.EPERM):
            self.is_there = False
        return None  # the steps tell why, and where


_openat2 = _Openat2()


def _open_regular(root: str, key: str) -> int | None:
    """A descriptor of the regular file, to be read; None where only single steps tell what is there.

    Raises ``FileNotFoundError``, and ``OSError`` of the root.
    """
    fd = _at_once(root, key, os.O_RDONLY | _FILE)
    if fd is not None and not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return fd


def _is_directory(root: str, key: str) -> bool | None:
    """Whether a directory is there, or nothing; None where only single steps tell. Raises ``OSError`` of the root."""
    try:
        fd = _at_once(root, key, os.O_PATH | _DIRECTORY)
    except FileNotFoundError:
        return False
    if fd is None:
        return None
    os.close(fd)
    return True


def _at_once(root: str, key: str, flags: int) -> int | None:
    if not key or not _openat2.is_there:
        return None
    top = os.open(root, _TOP)
    try:
        return _openat2(key, top, flags)
    finally:
        os.close(top)


def _open_directory(root: str, key: str, access: int) -> int:
    top = os.open(root, (os.O_PATH if key else access) | os.O_DIRECTORY | os.O_CLOEXEC)
    if not key:
        return top
    try:
        found = _openat2(key, top, access | _DIRECTORY) if _openat2.is_there else None
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

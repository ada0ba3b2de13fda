"""The storage contract on one directory tree: rename is the switch, fsync the promise.

A document is written beside the tree (``.staging/``), made durable, and renamed into place. A
package is built in ``.staging/<attempt>/package`` and renamed as a whole. A log is a file of lines.
Nothing here depends on the clock except the age of abandoned attempts.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import NotConfigured
from ..locks import exclusive
from . import logfile
from .base import (
    ABSENT,
    ANY,
    Attempt,
    Condition,
    Document,
    Entry,
    KeyNotFound,
    Match,
    PreconditionFailed,
    Prepared,
    Readable,
    Staging,
    Storage,
    check_key,
)
from .filesystem_staging import (
    LOCK,
    STAGING,
    FilesystemStaging,
    age_s,
    has_content,
    hold_abandoned,
    is_alive,
    is_sealed,
)
from .posix import fsync_directory, make_directories, translated_errors

_DOCUMENT_SUFFIX = ".doc"
_DEEPEST_KEY = 200  # segments; intake allows packages far flatter than this


class FilesystemStorage(Storage):
    """A registry root on a local (or properly locking) filesystem. The directory must exist."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(os.path.realpath(root))
        self._staging = self.root / STAGING

    def _path(self, key: str) -> Path:
        return self.root / check_key(key) if key else self.root

    # documents

    def read(self, key: str) -> Document:
        with translated_errors(key):
            data = self._path(key).read_bytes()
        return Document(data, _etag(data))

    def prepare(self, key: str, data: bytes, when: Condition = ANY) -> Prepared:
        path = self._path(key)
        with translated_errors(key):
            make_directories(self._staging, stop=self.root)
            make_directories(path.parent, stop=self.root)
            draft = self._staging / (uuid.uuid4().hex + _DOCUMENT_SUFFIX)
            try:
                _write_new(draft, data)
            except OSError:
                draft.unlink(missing_ok=True)
                raise
        return _PreparedDocument(key, path, draft, data, when)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with translated_errors(key), _held_document(path) as present:
            if present:
                os.unlink(path)
                fsync_directory(path.parent)

    # listing

    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        top = self._path(prefix)
        with translated_errors(prefix):
            try:
                found = sorted(os.scandir(top), key=lambda entry: _sort_name(entry, deep))
            except (FileNotFoundError, NotADirectoryError):
                return
        for item in found:
            key = f"{prefix}/{item.name}" if prefix else item.name
            if not item.is_dir(follow_symlinks=not deep):
                yield _entry(key, item)
            elif deep and key.count("/") >= _DEEPEST_KEY:
                yield Entry(key, "other")
            elif deep:
                yield from self.list(key, deep=True)
            else:
                yield Entry(key, "prefix")

    # logs

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        path = self._path(log)
        with translated_errors(log):
            make_directories(path.parent, stop=self.root)
            logfile.append(path, record, expected_seq)

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        with translated_errors(log):
            yield from logfile.records(self._path(log), after)

    def last(self, log: str) -> tuple[int, bytes] | None:
        with translated_errors(log):
            return logfile.last(self._path(log))

    # packages

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        with translated_errors(STAGING):
            return FilesystemStaging(self.root, attempt, check_key(package))

    def staged(self) -> Iterator[Attempt]:
        for path in self._attempts():
            yield Attempt(path.name, age_s(path), is_alive(path), not has_content(path))

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        with ExitStack() as holds:
            held: list[Staging] = []
            for path in self._attempts():
                if age_s(path) < min_age_s:
                    continue
                if path.name.endswith(_DOCUMENT_SUFFIX):
                    # A draft lives for milliseconds and is named by nothing.
                    path.unlink(missing_ok=True)
                    continue
                lock = hold_abandoned(path)
                if lock is not None:
                    holds.callback(lock.release)
                    held.append(FilesystemStaging(self.root, path.name, held=lock))
            yield held

    def _attempts(self) -> Sequence[Path]:
        try:
            return sorted(self._staging.iterdir())
        except FileNotFoundError:
            return []

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        location = self._path(package) / check_key(path)
        with translated_errors(f"{package}/{path}"):
            fd = os.open(location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            reader = os.fdopen(fd, "rb", buffering=0)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                reader.close()
                raise KeyNotFound(path)
            reader.seek(start)
        return reader if length is None else _Slice(reader, length)

    def locate(self, package: str) -> str:
        path = self._path(package)
        if not path.is_dir():
            raise KeyNotFound(package)
        return str(path)

    def sealed(self, package: str) -> bool:
        try:
            return is_sealed(self._path(package))
        except OSError:
            return False

    # the whole

    @contextmanager
    def lock(self, key: str, timeout_s: float) -> Iterator[None]:
        path = self._path(key)
        with translated_errors(key):
            make_directories(path, stop=self.root)
            hold = exclusive(path / LOCK, timeout_s)
            hold.__enter__()
        try:
            yield
        finally:
            hold.__exit__(None, None, None)

    def probe(self) -> int | None:
        if not self.root.is_dir():
            raise NotConfigured(
                "The registry root is not there, or is not a directory. Create it or mount it, "
                "and check OMNIBIOAI_MODEL_REGISTRY_ROOT.",
                reason="root_missing",
            )
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            raise NotConfigured(
                f"The registry root is not writable for user {os.geteuid()}. Give that user the "
                "directory, or run the service as its owner.",
                reason="root_not_writable",
            )
        volume = os.statvfs(self.root)
        return volume.f_bavail * volume.f_frsize


class _PreparedDocument(Prepared):
    def __init__(self, key: str, path: Path, draft: Path, data: bytes, when: Condition) -> None:
        self._key, self._path, self._draft, self._data, self._when = key, path, draft, data, when

    def commit(self) -> Document:
        with translated_errors(self._key):
            if self._when is ABSENT:
                try:
                    os.link(self._draft, self._path)
                except FileExistsError:
                    raise PreconditionFailed(self._key) from None
                os.unlink(self._draft)
            else:
                with _held_document(self._path) as present:
                    if isinstance(self._when, Match):
                        now = _etag(self._path.read_bytes()) if present else None
                        if now != self._when.etag:
                            raise PreconditionFailed(self._key)
                    os.rename(self._draft, self._path)
            fsync_directory(self._path.parent)
        return Document(self._data, _etag(self._data))

    def discard(self) -> None:
        with translated_errors(self._key):
            self._draft.unlink(missing_ok=True)


class _Slice:
    """At most ``length`` bytes of an open file."""

    def __init__(self, reader: Readable, length: int) -> None:
        self._reader = reader
        self._left = length

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._reader.read(wanted)
        self._left -= len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> "_Slice":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write_new(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _held_document(path: Path) -> Iterator[bool]:
    """Hold the document that is at ``path`` now, against every other conditional writer.

    The lock is on the inode, and a rename puts another inode at the path: so look again after
    the lock is ours. Yields whether there is a document.
    """
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                current = os.stat(path).st_ino == os.fstat(fd).st_ino
            except FileNotFoundError:
                current = False
            if current:
                yield True
                return
        finally:
            os.close(fd)


def _entry(key: str, item: os.DirEntry[str]) -> Entry:
    if not item.is_file(follow_symlinks=False):
        return Entry(key, "other")
    return Entry(key, "file", item.stat(follow_symlinks=False).st_size)


def _sort_name(item: os.DirEntry[str], deep: bool) -> str:
    # Keys compare as whole strings: below a directory the next character is "/".
    return item.name + "/" if deep and item.is_dir(follow_symlinks=False) else item.name

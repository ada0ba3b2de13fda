"""Documents and logs on a filesystem: rename is the switch, fsync the promise.

A document is written aside, as a draft in ``.staging/`` that is locked while its owner lives, so that a sweep can
tell which ones are abandoned; it is made durable, and renamed into place. A log is a file of lines.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..contract import (
    ABSENT,
    ANY,
    Condition,
    Document,
    Documents,
    Entry,
    Match,
    PreconditionFailed,
    Prepared,
)
from ..locks import exclusive
from . import logfile
from .posix import fsync_directory, make_directories, open_without_waiting, path_of, translated_errors
from .staging import LOCK, STAGING

log = logging.getLogger(__name__)

_SUFFIX = ".doc"
_SPARE_SUFFIX = ".spare" + _SUFFIX
_COARSE_CLOCK_S = 1.0  # two changes within one tick of a filesystem's clock look alike
_LONGEST_NOTE = 24
_DEEPEST_KEY = 200  # segments; intake allows packages far flatter than this


class FilesystemDocuments(Documents):
    """The documents and logs below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging = root / STAGING

    def _path(self, key: str) -> Path:
        return path_of(self._root, key)

    # documents

    def read(self, key: str) -> Document:
        with translated_errors(key):
            data = self._path(key).read_bytes()
        return Document(data, etag(data))

    def prepare(self, key: str, data: bytes, when: Condition = ANY) -> Prepared:
        path = self._path(key)
        with translated_errors(key):
            make_directories(self._staging, stop=self._root)
            make_directories(path.parent, stop=self._root)
            return PreparedDocument(key, path, self._staging, data, when)

    def delete(self, key: str) -> None:
        self.remove(key, b"")

    def delete_if_locked(self, key: str) -> None:
        self.delete(key)

    def remove(self, key: str, gone: bytes, when: Condition = ANY) -> None:
        path = self._path(key)
        with translated_errors(key), held_document(path) as present:
            if when is ABSENT and present:
                raise PreconditionFailed(key)
            if isinstance(when, Match) and (not present or etag(path.read_bytes()) != when.etag):
                raise PreconditionFailed(key)
            if present:
                os.unlink(path)
                fsync_directory(path.parent)

    # what lies where

    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        top = self._path(prefix)
        with translated_errors(prefix):
            try:
                found = _scan(top, prefix, deep)
            except (FileNotFoundError, NotADirectoryError):
                return
        for entry in found:
            if not deep or entry.kind != "prefix":
                yield entry
            elif entry.key.count("/") >= _DEEPEST_KEY:
                yield Entry(entry.key, "other")
            else:
                yield from self.list(entry.key, deep=True)

    def mark(self, key: str) -> str | None:
        try:
            found = self._path(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError:
            return None
        if abs(time.time() - found.st_mtime) < _COARSE_CLOCK_S:
            return None
        return f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"

    # logs

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        path = self._path(log)
        with translated_errors(log):
            make_directories(path.parent, stop=self._root)
            logfile.append(path, record, expected_seq)

    def replace_end(self, log: str, after: int, records: Sequence[bytes], aside: str) -> bool:
        path = self._path(log)
        with translated_errors(log):
            make_directories(path.parent, stop=self._root)
            rest = logfile.rest(path, after)
            if rest:
                self.write(aside, rest)
            logfile.replace_end(path, after, records)
        return bool(rest)

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        with translated_errors(log):
            yield from logfile.records(self._path(log), after)

    def last(self, log: str) -> tuple[int, bytes] | None:
        with translated_errors(log):
            return logfile.last(self._path(log))

    def tail(self, log: str) -> bytes | None:
        with translated_errors(log):
            return logfile.tail(self._path(log))

    def is_torn(self, log: str) -> bool:
        with translated_errors(log):
            return logfile.is_torn(self._path(log))

    def sync(self, log: str, is_needed: Callable[[], bool]) -> None:
        if is_needed():
            with translated_errors(log):
                logfile.sync(self._path(log))

    # locks

    def note(self, key: str, number: int) -> None:
        try:
            fd = os.open(self._path(key) / LOCK, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(fd, "wb", buffering=0) as file:
                file.write(b"%d\n" % number)
        except OSError as error:
            log.warning("%s: what its lock's file notes could not be written: %s", key, error)

    def noted(self, key: str) -> int | None:
        try:
            with os.fdopen(open_without_waiting(self._path(key) / LOCK), "rb", buffering=0) as file:
                text = file.read(_LONGEST_NOTE).strip()
        except OSError:
            return None  # nobody has held it yet, or it is another user's
        return int(text) if text.isdigit() else None

    @contextmanager
    def lock(self, key: str, timeout_s: float) -> Iterator[None]:
        path = self._path(key)
        with translated_errors(key):
            make_directories(path, stop=self._root)
            hold = exclusive(path / LOCK, timeout_s)
            hold.__enter__()
        try:
            yield
        finally:
            hold.__exit__(None, None, None)


def _scan(top: Path, prefix: str, deep: bool) -> list[Entry]:
    """What lies in one directory now, sorted as keys are."""
    found = []
    with os.scandir(top) as items:
        for item in items:
            key = f"{prefix}/{item.name}" if prefix else item.name
            with suppress(FileNotFoundError):  # it has gone since
                if item.is_dir(follow_symlinks=not deep):
                    found.append(Entry(key, "prefix"))
                elif item.is_file(follow_symlinks=False):
                    found.append(Entry(key, "file", item.stat(follow_symlinks=False).st_size))
                else:
                    found.append(Entry(key, "other"))
    # Keys compare as whole strings: below a directory the next character is "/".
    found.sort(key=lambda entry: entry.key + "/" if deep and entry.kind == "prefix" else entry.key)
    return found


class PreparedDocument(Prepared):
    """A draft of the document at ``path``, durable and held. ``staging`` is on the same filesystem."""

    def __init__(self, key: str, path: Path, staging: Path, data: bytes, when: Condition) -> None:
        self._key, self._path, self._data, self._when = key, path, data, when
        self._held: int | None
        self._draft, self._held = _new_draft(staging)
        self._spare = self._draft.with_suffix(_SPARE_SUFFIX)
        try:
            _write(self._held, data)
            if when is ABSENT:
                # Some filesystems count each link as a file: the one that the switch makes is paid for now.
                os.link(self._draft, self._spare)
        except OSError:
            self.discard()
            raise

    def switch(self) -> Document:
        try:
            with translated_errors(self._key):
                if self._when is ABSENT:
                    self._link()
                else:
                    self._replace()
                fsync_directory(self._path.parent)
        finally:
            self._let_go()
        return Document(self._data, etag(self._data))

    def _link(self) -> None:
        os.unlink(self._spare)
        try:
            os.link(self._draft, self._path)
        except FileExistsError:
            raise PreconditionFailed(self._key) from None

    def _replace(self) -> None:
        with held_document(self._path) as present:
            if isinstance(self._when, Match):
                now = etag(self._path.read_bytes()) if present else None
                if now != self._when.etag:
                    raise PreconditionFailed(self._key)
            os.rename(self._draft, self._path)

    def discard(self) -> None:
        self._let_go()
        try:
            self._spare.unlink(missing_ok=True)
            self._draft.unlink(missing_ok=True)
        except OSError as error:
            log.error("a draft of %s is left to the next sweep: %s", self._key, error)

    def _let_go(self) -> None:
        # The document's next writer waits for this very file, once it is in place.
        held, self._held = self._held, None
        if held is not None:
            os.close(held)


def etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_draft(path: Path) -> bool:
    return path.name.endswith(_SUFFIX)


def remove_abandoned(draft: Path) -> None:
    """The draft is gone, unless its owner lives."""
    with suppress(FileNotFoundError):
        fd = os.open(draft, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(draft)
        finally:
            os.close(fd)


@contextmanager
def held_document(path: Path) -> Iterator[bool]:
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


def _new_draft(staging: Path) -> tuple[Path, int]:
    """(a new file, the descriptor that holds it)."""
    while True:
        draft = staging / (uuid.uuid4().hex + _SUFFIX)
        fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink > 0:
                return draft, fd
        except OSError:
            os.close(fd)
            draft.unlink(missing_ok=True)
            raise
        os.close(fd)  # a sweep held it first, and has removed it


def _write(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]
    os.fsync(fd)

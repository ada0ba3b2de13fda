"""Documents and logs on a filesystem: rename is the switch, fsync the promise.

A document is written aside (:mod:`.drafts`), made durable, and renamed into place. A log is a file of lines.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
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
from .drafts import PreparedDocument, etag, held_document
from .posix import fsync_directory, make_directories, path_of, translated_errors
from .staging import LOCK, STAGING

_COARSE_CLOCK_S = 1.0  # two changes within one tick of a filesystem's clock look alike
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

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        with translated_errors(log):
            yield from logfile.records(self._path(log), after)

    def last(self, log: str) -> tuple[int, bytes] | None:
        with translated_errors(log):
            return logfile.last(self._path(log))

    def sync(self, log: str, is_needed: Callable[[], bool]) -> None:
        if is_needed():
            with translated_errors(log):
                logfile.sync(self._path(log))

    # locks

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

"""The storage contract on one directory tree: rename is the switch, fsync the promise.

A document is written beside the tree (``.staging/``), made durable, and renamed into place. A
package is built in ``.staging/<attempt>/package`` and renamed as a whole. A log is a file of lines.
Nothing here depends on the clock except the age of abandoned attempts.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ...vocabulary.errors import NotConfigured
from ..contract import (
    ANY,
    Attempt,
    Condition,
    Document,
    Entry,
    KeyNotFound,
    Prepared,
    Readable,
    Staging,
    Storage,
    check_key,
)
from ..locks import exclusive, is_held, release
from . import logfile
from .documents import PreparedDocument, etag, held_document, is_draft, remove_abandoned
from .moves import move, remove
from .posix import fsync_directory, make_directories, open_without_waiting, translated_errors
from .staging import LOCK, STAGING, FilesystemStaging, age_s, has_content, hold_abandoned, is_alive, is_sealed

log = logging.getLogger(__name__)

_COARSE_CLOCK_S = 1.0  # two changes within one tick of a filesystem's clock look alike
_DEEPEST_KEY = 200  # segments; intake allows packages far flatter than this


class FilesystemStorage(Storage):
    """A registry root on a local (or properly locking) filesystem. The directory must exist."""

    shows_only_durable = False

    def __init__(self, root: str | Path) -> None:
        self.root = Path(os.path.realpath(root))
        self._staging = self.root / STAGING

    def _path(self, key: str) -> Path:
        return self.root / check_key(key) if key else self.root

    # documents

    def read(self, key: str) -> Document:
        with translated_errors(key):
            data = self._path(key).read_bytes()
        return Document(data, etag(data))

    def prepare(self, key: str, data: bytes, when: Condition = ANY) -> Prepared:
        path = self._path(key)
        with translated_errors(key):
            make_directories(self._staging, stop=self.root)
            make_directories(path.parent, stop=self.root)
            return PreparedDocument(key, path, self._staging, data, when)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with translated_errors(key), held_document(path) as present:
            if present:
                os.unlink(path)
                fsync_directory(path.parent)

    # listing

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
            make_directories(path.parent, stop=self.root)
            logfile.append(path, record, expected_seq)

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        with translated_errors(log):
            yield from logfile.records(self._path(log), after)

    def sync(self, log: str) -> None:
        with translated_errors(log):
            logfile.sync(self._path(log))

    def last(self, log: str) -> tuple[int, bytes] | None:
        with translated_errors(log):
            return logfile.last(self._path(log))

    # packages

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        with translated_errors(STAGING):
            return FilesystemStaging(self.root, attempt, check_key(package))

    def staged(self) -> Iterator[Attempt]:
        for path in self._attempts():
            with translated_errors(STAGING):
                alive = is_held(path) if is_draft(path) else is_alive(path)
                found = Attempt(path.name, age_s(path), alive, not has_content(path))
                gone = not os.path.lexists(path)
            if not gone:
                yield found

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        with ExitStack() as holds:
            held: list[Staging] = []
            for path in self._attempts():
                with translated_errors(STAGING):
                    if age_s(path) < min_age_s:
                        continue
                    if is_draft(path):
                        remove_abandoned(path)  # a draft is named by nothing
                        continue
                    lock = hold_abandoned(path)
                if lock is not None:
                    holds.callback(release, lock)
                    held.append(FilesystemStaging(self.root, path.name, held=lock))
            yield held

    def _attempts(self) -> Sequence[Path]:
        with translated_errors(STAGING):
            try:
                return sorted(self._staging.iterdir())
            except FileNotFoundError:
                return []

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        location = self._path(package) / check_key(path)
        with translated_errors(f"{package}/{path}"):
            fd = open_without_waiting(location)
            try:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise KeyNotFound(path)
                reader = os.fdopen(fd, "rb", buffering=0)
            except BaseException:
                os.close(fd)
                raise
            reader.seek(start)
        return reader if length is None else _Slice(reader, length)

    def local_path(self, package: str, path: str) -> str | None:
        return str(self._path(package) / check_key(path))

    def locate(self, package: str) -> str:
        path = self._path(package)
        with translated_errors(package):
            if not path.is_dir():
                raise KeyNotFound(package)
        return str(path)

    def sealed(self, package: str) -> bool:
        try:
            with translated_errors(package):
                return is_sealed(self._path(package))
        except KeyNotFound:
            return False

    def retire(self, package: str, grave: str, seq: int) -> None:
        with translated_errors(package):
            move(self._path(package), self._path(grave), stop=self.root)

    def reinstate(self, package: str, grave: str, seq: int) -> None:
        with translated_errors(package):
            move(self._path(grave), self._path(package), stop=self.root)

    def retired(self, package: str, grave: str) -> str | None:
        with translated_errors(grave):
            return grave if self._path(grave).is_dir() else None

    def erase(self, package: str, grave: str) -> None:
        with translated_errors(grave):
            remove(self._path(grave))

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

    def probe(self, *, for_writing: bool = True) -> int | None:
        try:
            return self._probe(for_writing)
        except OSError as error:
            log.error("the registry root cannot be looked at: %s", error)
            raise NotConfigured(
                f"The registry root cannot be looked at ({error.strerror}). The service's log has the place.",
                reason="root_unusable",
            ) from error

    def _probe(self, for_writing: bool) -> int:
        if not self.root.is_dir():
            raise NotConfigured(
                "The registry root is not there, or is not a directory. Create it or mount it, "
                "and check OMNIBIOAI_MODEL_REGISTRY_ROOT.",
                reason="root_missing",
            )
        wanted = os.R_OK | os.X_OK | (os.W_OK if for_writing else 0)
        for place in (self.root, self._staging) if for_writing else (self.root,):
            if os.path.lexists(place) and not os.access(place, wanted, effective_ids=True):
                raise NotConfigured(
                    f"The registry root is not {'writable' if for_writing else 'readable'} for user {os.geteuid()}. "
                    "Give that user the directory, or run the service as its owner.",
                    reason="root_not_writable" if for_writing else "root_not_readable",
                )
        volume = os.statvfs(self.root)
        return volume.f_bavail * volume.f_frsize


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

"""Documents and logs on a filesystem: rename is the switch, fsync the promise.

A document is written aside, as a draft in ``.staging/`` that is locked while its owner lives, so that a sweep can
tell which ones are abandoned; it is made durable, and renamed into place. A log is a file of lines.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import BinaryIO

from ...vocabulary.errors import JournalCorrupt, StorageUnavailable
from ..contract import ABSENT, ANY, Condition, Document, Match, Naming, PreconditionFailed, Prepared, Search
from ..locks import hold_open_file, hold_within, let_go
from . import logfile, rewriting
from .beneath import FILE_BITS, LOCK, Place, disk_of, open_file, open_lock, translated_errors
from .linefile import FilesystemLines
from .listing import FilesystemListing
from .log_index import Damaged, LogIndex
from .logfile import UNIT_BYTES
from .staging import STAGING, remove_abandoned

logger = logging.getLogger(__name__)

_PRIVATE_BITS = 0o600
_SUFFIX = ".doc"
_SPARE_SUFFIX = ".spare" + _SUFFIX
_COARSE_CLOCK_S = 1.0  # two changes within one tick of a filesystem's clock look alike
_LONGEST_NOTE = 24
_TRIES = 20
_RENAMES_WAIT_S = 30.0  # for others, each of whom takes a moment


class FilesystemDocuments(FilesystemListing, FilesystemLines):
    """The documents and logs below one directory."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._has_lock = False
        self._damaged: set[str] = set()  # segments of indexes

    def _at(self, key: str) -> Place:
        return Place(self._root, key)

    # documents

    def read(self, key: str) -> Document:
        place = self._at(key)
        with translated_errors(key):
            data = place.read()
        return Document(data, etag(data))

    def prepare(self, key: str, data: bytes, when: Condition = ANY, *, is_private: bool = False) -> Prepared:
        place = self._at(key)
        with translated_errors(key):
            self._at(STAGING).make_directory(for_drafts=True)
            place.above.make_directory()
            return PreparedDocument(place, data, when, _PRIVATE_BITS if is_private else FILE_BITS)

    def delete(self, key: str) -> None:
        self.remove(key, b"")

    def delete_if_locked(self, key: str) -> None:
        self.delete(key)

    def remove(self, key: str, gone: bytes, when: Condition = ANY) -> None:
        place = self._at(key)
        with translated_errors(key):
            try:
                with place.parent(os.O_RDONLY) as parent, _alone(self._root):
                    if _require(place, parent, when):
                        os.unlink(place.name, dir_fd=parent)
                        os.fsync(parent)
            except (FileNotFoundError, NotADirectoryError):
                if isinstance(when, Match):
                    raise PreconditionFailed(key) from None

    # what lies where

    def mark(self, key: str) -> str | None:
        try:
            found = self._at(key).stat()
        except OSError:
            return None
        if found is None:
            return ""
        if stat.S_ISLNK(found.st_mode) or abs(time.time() - found.st_mtime) < _COARSE_CLOCK_S:
            return None
        return f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"

    # logs

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        place = self._at(log)
        with translated_errors(log, JournalCorrupt):
            place.above.make_directory()
            logfile.append(place, record, expected_seq)

    def replace_end(self, log: str, after: int, records: Sequence[bytes], aside: str) -> bool:
        place = self._at(log)
        with translated_errors(log, JournalCorrupt):
            place.above.make_directory()
            rest = rewriting.rest(place, after)
            if rest:
                self.write(aside, rest)
            rewriting.replace_end(place, after, records)
        return bool(rest)

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        with translated_errors(log, JournalCorrupt), self._read(log) as file:
            if file is not None:
                is_far = after > 0 and logfile.size_of(file) >= UNIT_BYTES
                yield from logfile.records(file, after, self._index(log).near(file, after) if is_far else (0, 0))

    @contextmanager
    def searching(self, log: str) -> Iterator[Search]:
        with ExitStack() as opened:
            with translated_errors(log, JournalCorrupt):
                file = opened.enter_context(self._read(log))
            yield logfile.OpenedLog(log, file, lambda: partial(self._index(log).search, opened))

    def index(self, log: str, naming: Naming) -> None:
        try:
            with self._read(log) as file:
                if file is not None and logfile.size_of(file) >= UNIT_BYTES:
                    self._index(log).extend(file, logfile.end_of(file), naming)
        except (OSError, Damaged) as error:  # it is only missed
            logger.warning("%s: its index was not extended: %s", log, error)

    def _index(self, log: str) -> LogIndex:
        return LogIndex(self._at(log), self._damaged)

    @contextmanager
    def _read(self, log: str) -> Iterator[BinaryIO | None]:
        """The log's file, if there is one."""
        try:
            fd = self._at(log).open(os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            yield None
            return
        with os.fdopen(fd, "rb", buffering=0) as file:
            yield file

    def last(self, log: str) -> tuple[int, bytes] | None:
        with translated_errors(log, JournalCorrupt), self._read(log) as file:
            end = logfile.find_end(file) if file is not None else None
            return (end.number, end.last) if end is not None and end.number else None

    def is_torn(self, log: str) -> bool:
        with translated_errors(log, JournalCorrupt), self._read(log) as file:
            return file is not None and logfile.end_of(file) != logfile.size_of(file)

    def sync(self, log: str, is_needed: Callable[[], bool]) -> None:
        if is_needed():
            with translated_errors(log, JournalCorrupt):
                logfile.sync(self._at(log))

    # locks

    def note(self, key: str, number: int, count: int | None = None) -> None:
        try:
            with os.fdopen((self._at(key) / LOCK).open(os.O_WRONLY | os.O_TRUNC), "wb", buffering=0) as file:
                file.write(b"%d\n" % number if count is None else b"%d %d\n" % (number, count))
        except OSError as error:
            logger.warning("%s: what its lock's file notes could not be written: %s", key, error)

    def noted(self, key: str) -> tuple[int | None, int | None]:
        try:
            fd = self._at(f"{key}/{LOCK}").open(os.O_RDONLY)
            try:
                said = os.read(fd, _LONGEST_NOTE).split()
            finally:
                os.close(fd)
        except OSError:
            return None, None  # nobody has held it yet, or it is another user's
        number, count, *_ = [int(text) if text.isdigit() else None for text in said] + [None, None]
        return number, count

    @contextmanager
    def lock(self, key: str, timeout_s: float) -> Iterator[None]:
        place = self._at(key)
        with translated_errors(key):
            place.make_directory()
            if not self._has_lock:  # before an event needs it, since it takes space
                os.close(open_lock(self._at("")))
                self._has_lock = True
            fd = open_lock(place)
        try:
            with translated_errors(key):
                hold_within(fd, timeout_s)
            yield
        finally:
            let_go(fd)


class PreparedDocument(Prepared):
    """A draft of the document, durable and held, in ``.staging/``; beside the document if that is on another disk."""

    def __init__(self, place: Place, data: bytes, when: Condition, mode: int) -> None:
        self._place, self._data, self._when = place, data, when
        self._held: int | None
        self._staging, prefix = Place(place.root, STAGING), ""
        with self._staging.directory() as staging, place.parent() as parent:
            if disk_of(staging) != disk_of(parent):
                self._staging, prefix = place.above, "."
        with self._staging.directory(os.O_RDONLY if prefix else os.O_PATH) as staging:
            for name in os.listdir(staging) if prefix else ():
                if name.startswith(prefix) and is_draft(name):
                    remove_abandoned(name, staging)  # no sweep comes by there
            self._draft, self._held = new_draft(staging, prefix, mode)
            self._spare = self._draft.removesuffix(_SUFFIX) + _SPARE_SUFFIX
            try:
                _write(self._held, data)
                if when is ABSENT:
                    # Some filesystems count each link as a file: the one that the switch makes is paid for now.
                    os.link(self._draft, self._spare, src_dir_fd=staging, dst_dir_fd=staging)
            except OSError:
                self.discard()
                raise

    def switch(self) -> Document:
        place = self._place
        try:
            staging = self._staging.directory()
            with translated_errors(place.key), staging as drafts, place.parent(os.O_RDONLY) as parent:
                if self._when is ABSENT:
                    self._link(drafts, parent)
                else:
                    self._replace(drafts, parent)
                os.fsync(parent)
        finally:
            self._let_go()
        return Document(self._data, etag(self._data))

    def _link(self, staging: int, parent: int) -> None:
        os.unlink(self._spare, dir_fd=staging)
        try:
            os.link(self._draft, self._place.name, src_dir_fd=staging, dst_dir_fd=parent)
        except FileExistsError:
            raise PreconditionFailed(self._place.key) from None

    def _replace(self, staging: int, parent: int) -> None:
        with _alone(self._place.root):
            _require(self._place, parent, self._when)
            os.rename(self._draft, self._place.name, src_dir_fd=staging, dst_dir_fd=parent)

    def discard(self) -> None:
        self._let_go()
        try:
            with self._staging.directory() as staging:
                for name in (self._spare, self._draft):
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=staging)
        except OSError as error:
            logger.error("a draft of %s is left to the next sweep: %s", self._place.key, error)

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            let_go(held)


def _require(place: Place, parent: int, when: Condition) -> bool:
    """Whether the open directory has the document now. Raises ``PreconditionFailed`` where it is not as it must be."""
    try:
        fd = open_file(place.name, os.O_RDONLY, parent, key=place.key)
    except FileNotFoundError:
        if isinstance(when, Match):
            raise PreconditionFailed(place.key) from None
        return False
    with os.fdopen(fd, "rb", buffering=0) as file:
        if when is ABSENT or (isinstance(when, Match) and etag(file.read()) != when.etag):
            raise PreconditionFailed(place.key)
    return True


@contextmanager
def _alone(root: str) -> Iterator[None]:
    """No other writer looks at a document and replaces it meanwhile: for a rename. Raises ``LockTimeout``."""
    fd = open_lock(Place(root, ""))  # not the document's own, which all who may read it may hold
    try:
        hold_within(fd, _RENAMES_WAIT_S)
        yield
    finally:
        let_go(fd)


def etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_draft(name: str) -> bool:
    return name.endswith(_SUFFIX)


def new_draft(staging: int, prefix: str = "", mode: int = FILE_BITS) -> tuple[str, int]:
    """(the name of a new file in the open directory, the descriptor that holds it)."""
    for _ in range(_TRIES):
        draft = prefix + uuid.uuid4().hex + _SUFFIX
        fd = open_file(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, staging, mode)
        is_ours = False
        try:
            is_ours = hold_open_file(fd) and os.fstat(fd).st_nlink > 0
        finally:
            if not is_ours:  # a sweep held it first; or somebody who only looks
                os.close(fd)
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=staging)
        if is_ours:
            return draft, fd
    raise StorageUnavailable("Others kept taking each new draft of a document. Try again.", retry_after_s=1)


def _write(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]
    os.fsync(fd)

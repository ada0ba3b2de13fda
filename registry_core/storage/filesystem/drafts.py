"""How a document is written on a filesystem: a draft in ``.staging/`` is made durable, then one rename places it.

A draft is locked while its owner lives, so that a sweep can tell which ones are abandoned.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..contract import ABSENT, Condition, Document, Match, PreconditionFailed, Prepared
from .posix import fsync_directory, translated_errors

log = logging.getLogger(__name__)

_SUFFIX = ".doc"
_SPARE_SUFFIX = ".spare" + _SUFFIX


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

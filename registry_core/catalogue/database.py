"""The catalogue's database file: made, opened, told what has changed, and thrown away when it cannot be trusted.

Everything in it is derived from the registry, so no trouble with it is ever repaired: the file goes, and
the next refresh makes it anew.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..models.model import ModelStore
from ..storage.locks import LOCK_BITS, exclusive
from ..vocabulary.errors import LockTimeout
from ..vocabulary.texts import escaped
from .schema import FORMAT, TABLES

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 10.0
KEEP_FREE_BYTES = 8 * 1024 * 1024  # on its disk: what is disposable must not fill it
WAL_KEPT_BYTES = 16 * 1024 * 1024

# What these say is true of the file that is there, and of no other: it goes.
_DAMAGE = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_ERROR,  # our statements are sound, so a table is missing
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,  # another user's
    sqlite3.SQLITE_SCHEMA,
}
_DAMAGE_EXTENDED = {sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
# What these say passes, or is the disk's: the file is as good as it was.
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
}


class Trouble(Exception):
    """The catalogue cannot be used at the moment. Nothing is wrong with the registry."""


class NoRoom(Trouble):
    """Its disk is too full for it."""


class Database:
    """One SQLite file in WAL mode, shared by all processes of a host; a connection for each thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    @property
    def exists(self) -> bool:
        return os.path.exists(self.path)  # unlike Path.exists, whatever is wrong with the disk

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to look with. Raises :class:`Trouble`; a damaged file is thrown away."""
        with self._guarded():
            yield self._connection()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is in the catalogue, or nothing. Raises as :meth:`reading`."""
        with self._guarded():
            connection = self._connection()
            self._require_room()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise

    def note(self, model: ModelStore) -> None:
        """The model has been changed, which those see who ask next: bringing it up to date is left to them.

        Never raises: a failure is left to the next refresh.
        """
        row = "INSERT OR REPLACE INTO changed (task, name) VALUES (?, ?)"  # a new id: it is not the one that was read
        try:
            if self.exists:
                with self.writing() as connection:
                    connection.execute(row, (model.keys.task, model.keys.model_name))
        except Trouble as error:
            log.warning("%s: not in the catalogue yet: %s", model.title, error)
        except Exception:
            log.exception("%s: not in the catalogue yet", escaped(model.title))

    def noted(self) -> list[tuple[int, str, str]]:
        """(id, task, name) of each change that was noted, in order."""
        with self.reading() as connection:
            return connection.execute("SELECT id, task, name FROM changed ORDER BY id").fetchall()

    def forget_noted(self, noted: list[tuple[int, str, str]]) -> None:
        """These are no more; one of the same model that was noted meanwhile stays."""
        with self.writing() as connection:
            connection.executemany("DELETE FROM changed WHERE id = ?", [(number,) for number, *_ in noted])

    def discard(self) -> None:
        """The file is gone; the next use makes an empty one. Raises :class:`Trouble`."""
        self._close()
        with self._held():
            self._unlink()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Trouble(f"{self.path}: {error}") from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", -1)
            if code & 0xFF in _DAMAGE or code in _DAMAGE_EXTENDED:
                log.warning("catalogue %s is damaged and will be built anew: %s", self.path, error)
                self._discard_used()
            elif code & 0xFF not in _PASSING:
                raise
            kind = NoRoom if code & 0xFF == sqlite3.SQLITE_FULL else Trouble
            raise kind(f"{self.path}: {error}") from error

    def _discard_used(self) -> None:
        """The file that this thread has just used is gone; one that has taken its place meanwhile stays."""
        used = getattr(self._local, "inode", None)
        self._close()
        try:
            with self._held():
                if used is None or used == self._inode():
                    self._unlink()
        except (OSError, Trouble) as error:
            log.error("catalogue %s cannot be removed: %s", self.path, error)

    def _unlink(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Nobody else makes, opens or removes the file."""
        try:
            self.path.parent.mkdir(0o775, parents=True, exist_ok=True)
            with exclusive(self.path.with_name(self.path.name + ".lock"), BUSY_TIMEOUT_S):
                yield
        except LockTimeout as error:
            raise Trouble(f"{self.path}: another process has held it for {BUSY_TIMEOUT_S:g} s") from error

    def _require_room(self) -> None:
        volume = os.statvfs(self.path.parent)
        if volume.f_bavail * volume.f_frsize < KEEP_FREE_BYTES:
            raise NoRoom(f"{self.path}: its disk has less than {KEEP_FREE_BYTES} bytes left")

    def _connection(self) -> sqlite3.Connection:
        # Somebody may have deleted the file: what is open then is nobody else's any more.
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if known is not None:
            if self._local.inode == self._inode():
                return known
            self._close()
        with self._held():
            self._local.connection = self._open()
            self._local.inode = self._inode()
        opened: sqlite3.Connection = self._local.connection
        return opened

    def _close(self) -> None:
        known: sqlite3.Connection | None = self._local.__dict__.pop("connection", None)
        if known is not None:
            with suppress(sqlite3.Error):
                known.close()

    def _inode(self) -> int | None:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists() or not os.access(self.path, os.R_OK | os.W_OK, effective_ids=True):
            self._unlink()  # what is left of another file's log must not be read into this one
        self._local.inode = self._inode()
        connection = self._connect()
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        self._unlink()
        connection = self._connect()
        try:
            self._local.inode = self._inode()
            epoch = f"INSERT INTO fact VALUES ('epoch', '{uuid.uuid4().hex[:12]}');"
            connection.executescript(f"BEGIN; {TABLES} {epoch} PRAGMA user_version = {FORMAT}; COMMIT;")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        with suppress(OSError):  # SQLite locks it, and would let everybody read it, and so hold it
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, LOCK_BITS))
        connection = sqlite3.connect(
            os.fspath(self.path), timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is read within is of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        with suppress(sqlite3.Error):
            connection.execute("COMMIT")


def fact(connection: sqlite3.Connection, name: str) -> object:
    """A fact about the catalogue itself; None if it was never set."""
    row = connection.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def set_fact(connection: sqlite3.Connection, name: str, value: object) -> None:
    connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))


def count_change(connection: sqlite3.Connection) -> None:
    """What is remembered of answers is not true any more. Call in each transaction that changes them."""
    changes = fact(connection, "changes")
    set_fact(connection, "changes", (changes if isinstance(changes, int) else 0) + 1)

"""The rows of one model in the catalogue: what is there, and the transactions that change them.

Each of them is made only if nobody else has written the model since it was looked at, and writes what a change
is about, however much else there is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ..models.model import ModelStore
from ..vocabulary.texts import format_time, natural_order
from .database import Database, count_change
from .summary import count_months, summarise
from .values import UNSURE, Change, Entry, Known, Moved, Said, Told

_OF_EVENTS = ("event", "event_month", "unaliased")
_SAID = "SELECT annotations, body FROM document WHERE version_id = ?"


def known_of(connection: sqlite3.Connection, model: ModelStore) -> Known:
    sql = "SELECT id, mark, seq, head, turn, lost, broken, is_whole FROM model WHERE task = ? AND name = ?"
    row = connection.execute(sql, (model.keys.task, model.keys.model_name)).fetchone()
    if row is None:
        return Known()
    model_id, mark, seq, head, turn, lost, broken, is_whole = row
    marks = json.loads(mark) if mark not in (None, UNSURE) else {}
    return Known(model_id, marks, mark == UNSURE, seq, head, turn, lost, broken, bool(is_whole))


def open_marks(connection: sqlite3.Connection, known: Known) -> dict[str, str]:
    """Version -> the mark of its metadata, of those that may change without an event and those left out."""
    sql = (
        "SELECT version, mark FROM version WHERE model_id = ?1 AND mark IS NOT NULL"
        " UNION ALL SELECT version, mark FROM left_out WHERE model_id = ?1"
    )
    return dict(connection.execute(sql, (known.model_id,)).fetchall())


def versions_of(connection: sqlite3.Connection, known: Known) -> set[str]:
    """All versions that the catalogue knows of, those left out too."""
    sql = "SELECT version FROM version WHERE model_id = ?1 UNION ALL SELECT version FROM left_out WHERE model_id = ?1"
    return {version for (version,) in connection.execute(sql, (known.model_id,))}


def aliases_of(connection: sqlite3.Connection, known: Known) -> dict[str, str]:
    """Alias -> version, of all aliases."""
    sql = "SELECT alias, version FROM alias WHERE model_id = ?"
    return dict(connection.execute(sql, (known.model_id,)).fetchall())


def named_by(connection: sqlite3.Connection, known: Known, version: str) -> list[str]:
    """The aliases that name the version."""
    sql = "SELECT alias FROM alias WHERE model_id = ? AND version = ?"
    return [alias for (alias,) in connection.execute(sql, (known.model_id, version))]


def target_of(connection: sqlite3.Connection, known: Known, alias: str) -> str | None:
    """The version that the alias names."""
    sql = "SELECT version FROM alias WHERE model_id = ? AND alias = ?"
    row = connection.execute(sql, (known.model_id, alias)).fetchone()
    return row[0] if row else None


def left_out_mark(connection: sqlite3.Connection, known: Known, version: str) -> str | None:
    """The mark of the version's metadata, if it is left out."""
    sql = "SELECT mark FROM left_out WHERE model_id = ? AND version = ?"
    row = connection.execute(sql, (known.model_id, version)).fetchone()
    return row[0] if row else None


def is_proven(connection: sqlite3.Connection, model: ModelStore, version: str) -> bool:
    """Whether the catalogue has the version, and nothing in its package can change."""
    row = _row(connection, model.keys.task, model.keys.model_name, version, "mark")
    return row is not None and row[1] is None


def _row(connection: sqlite3.Connection, task: str, name: str, version: str, column: str) -> tuple[int, Any] | None:
    sql = f"SELECT id, {column} FROM version WHERE task = ? AND model_name = ? AND version_order = ? AND version = ?"
    found: tuple[int, Any] | None = connection.execute(sql, (task, name, natural_order(version), version)).fetchone()
    return found


class Writer:
    """Writes one model, as long as nobody else does."""

    def __init__(self, database: Database, model: ModelStore, known: Known) -> None:
        self._database = database
        self._names = (model.keys.task, model.keys.model_name)
        self._known = known

    @property
    def _id(self) -> int:
        assert self._known.model_id is not None
        return self._known.model_id

    def write(self, entries: Iterable[Entry | Said]) -> bool:
        """They are in the catalogue. False: somebody else has written the model."""
        with self._database.writing() as connection:
            if not self._take_turn(connection):
                return False
            self._put(connection, entries)
            count_change(connection)
        return True

    def finish(self, change: Change) -> bool | None:
        """As :meth:`write`, and the rest too. Whether that changed anything; None: somebody else has written it."""
        with self._database.writing() as connection:
            is_new = self._known.model_id is None
            if not self._take_turn(connection):
                return None
            if change.is_anew:
                for table in _OF_EVENTS:
                    connection.execute(f"DELETE FROM {table} WHERE model_id = ?", (self._id,))
            has_changed = self._put(connection, change.versions)
            for version in change.gone:
                has_changed |= self._remove(connection, version)
            for alias, moved in change.aliases.items():
                has_changed |= self._move(connection, alias, moved)
            _put_events(connection, self._id, change.news.events)
            has_changed |= bool(is_new or change.is_anew or change.news.events or change.lost != self._known.lost)
            has_changed |= change.owner is not None
            owner = None if change.owner is None else str(change.owner)
            broken = change.news.broken or (None if change.is_anew else self._known.broken)
            has_changed |= broken != self._known.broken
            journal = (change.news.seq, change.news.head, change.lost, broken)
            last = (change.keeps_mark, change.mark, *journal, owner, self._id)
            connection.execute(
                "UPDATE model SET mark = CASE ? WHEN 1 THEN mark ELSE ? END, seq = ?, head = ?, lost = ?, broken = ?,"
                " is_whole = 1, owner = coalesce(?, owner) WHERE id = ?",
                last,
            )
            if has_changed:
                summarise(connection, self._id, *self._names)
                count_change(connection)
        return has_changed

    def _take_turn(self, connection: sqlite3.Connection) -> bool:
        row = connection.execute("SELECT id, turn FROM model WHERE task = ? AND name = ?", self._names).fetchone()
        if (row[1] if row else None) != self._known.turn:
            return False
        if row is None:
            cursor = connection.execute("INSERT INTO model (task, name, seq, turn) VALUES (?, ?, 0, 0)", self._names)
            connection.execute("INSERT INTO model_words (rowid, body) VALUES (?, '')", (cursor.lastrowid,))
            self._known = replace(self._known, model_id=int(cursor.lastrowid or 0), turn=0)
        else:
            turn = int(row[1]) + 1
            connection.execute("UPDATE model SET turn = ? WHERE id = ?", (turn, row[0]))
            self._known = replace(self._known, model_id=int(row[0]), turn=turn)
        return True

    def _put(self, connection: sqlite3.Connection, entries: Iterable[Entry | Said]) -> bool:
        """Whether anything is otherwise than it was."""
        has_changed = False
        for entry in entries:
            if isinstance(entry, Said):
                has_changed |= self._say(connection, entry)
                continue
            has_changed = True
            row = _row(connection, *self._names, entry.version, "size_bytes")
            self._remove(connection, entry.version)
            if entry.values is None:
                values = (self._id, entry.version, entry.mark)
                connection.execute("INSERT INTO left_out VALUES (?, ?, ?)", values)
                continue
            row_id = insert(connection, row[0] if row else None, self._id, entry)
            connection.execute("INSERT INTO words (rowid, body) VALUES (?, ?)", (row_id, entry.body))
            _count(connection, self._id, 1, entry.values["size_bytes"])
            sql = "UPDATE alias SET version_id = ? WHERE model_id = ? AND version = ?"
            connection.execute(sql, (row_id, self._id, entry.version))
        return has_changed

    def _say(self, connection: sqlite3.Connection, said: Said) -> bool:
        row = _row(connection, *self._names, said.version, "stage")
        if row is None:
            return False
        row_id, stage = row
        annotations, body = connection.execute(_SAID, (row_id,)).fetchone()
        if (stage, annotations, body) == (said.stage, said.annotations, said.body):
            return False
        if stage != said.stage:
            connection.execute("UPDATE version SET stage = ? WHERE id = ?", (said.stage, row_id))
        sql = "UPDATE document SET annotations = ?, body = ? WHERE version_id = ?"
        connection.execute(sql, (said.annotations, said.body, row_id))
        tags = dict(connection.execute("SELECT key, value FROM tag WHERE version_id = ?", (row_id,)).fetchall())
        if tags != said.tags:
            connection.execute("DELETE FROM tag WHERE version_id = ?", (row_id,))
            _put_tags(connection, row_id, said.tags)
        if body != said.body:
            connection.execute("INSERT INTO words (words, rowid, body) VALUES ('delete', ?, ?)", (row_id, body))
            connection.execute("INSERT INTO words (rowid, body) VALUES (?, ?)", (row_id, said.body))
        return True

    def _remove(self, connection: sqlite3.Connection, version: str) -> bool:
        """Whether there was anything of it."""
        of_version = (self._id, version)
        left_out = connection.execute("DELETE FROM left_out WHERE model_id = ? AND version = ?", of_version).rowcount
        row = _row(connection, *self._names, version, "size_bytes")
        if row is None:
            return left_out > 0
        _delete(connection, row[0])
        connection.execute("UPDATE alias SET version_id = NULL WHERE model_id = ? AND version = ?", of_version)
        _count(connection, self._id, -1, -row[1])
        return True

    def _move(self, connection: sqlite3.Connection, alias: str, moved: Moved | None) -> bool:
        """Whether the alias is otherwise than it was."""
        sql = "SELECT version, updated_at, actor, reason, seq FROM alias WHERE model_id = ? AND alias = ?"
        if connection.execute(sql, (self._id, alias)).fetchone() == moved:
            return False
        if moved is None:
            connection.execute("DELETE FROM alias WHERE model_id = ? AND alias = ?", (self._id, alias))
            return True
        row = _row(connection, *self._names, moved.version, "size_bytes")
        put_alias(connection, self._id, alias, moved, row[0] if row else None)
        return True


def insert(connection: sqlite3.Connection, row_id: int | None, model_id: int, entry: Entry) -> int:
    """The rows of the version, but for its words. Returns its id."""
    values = {"id": row_id, "model_id": model_id, "mark": entry.mark, **(entry.values or {})}
    cursor = connection.execute(
        f"INSERT INTO version ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
    )
    made = int(cursor.lastrowid or 0)
    document = (made, entry.meta, entry.annotations, entry.body)
    connection.execute("INSERT INTO document VALUES (?, ?, ?, ?)", document)
    metrics = [(made, key, value, model_id, values["created_at"]) for key, value in entry.metrics.items()]
    connection.executemany("INSERT INTO metric VALUES (?, ?, ?, ?, ?)", metrics)
    _put_tags(connection, made, entry.tags)
    return made


def put_alias(connection: sqlite3.Connection, model_id: int, alias: str, moved: Moved, version_id: int | None) -> None:
    values = (model_id, alias, moved.version, version_id, *moved[1:])
    connection.execute("INSERT OR REPLACE INTO alias VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def _put_tags(connection: sqlite3.Connection, row_id: int, tags: Mapping[str, str]) -> None:
    connection.executemany("INSERT INTO tag VALUES (?, ?, ?)", [(row_id, *pair) for pair in tags.items()])


def _count(connection: sqlite3.Connection, model_id: int, versions: int, size_bytes: int) -> None:
    sql = "UPDATE model SET versions = versions + ?, bytes = bytes + ? WHERE id = ?"
    connection.execute(sql, (versions, size_bytes, model_id))


def _delete(connection: sqlite3.Connection, row_id: int) -> None:
    _, body = connection.execute(_SAID, (row_id,)).fetchone()
    connection.execute("INSERT INTO words (words, rowid, body) VALUES ('delete', ?, ?)", (row_id, body))
    for table in ("document", "metric", "tag"):
        connection.execute(f"DELETE FROM {table} WHERE version_id = ?", (row_id,))
    connection.execute("DELETE FROM version WHERE id = ?", (row_id,))


def _put_events(connection: sqlite3.Connection, model_id: int, events: Sequence[Told]) -> None:
    """They are known from now on: no event that becomes known later is much older."""
    now = format_time(datetime.now(UTC))
    sql = (
        "INSERT OR IGNORE INTO event (known_at, model_id, seq, at, event, alias, version, previous_version, actor,"
        " reason, said, is_own, load) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    new = [told for told in events if connection.execute(sql, (now, model_id, *told[:-1])).rowcount]
    gone = [(model_id, alias, told.seq) for told in new for alias in told.unaliased]
    connection.executemany("INSERT OR IGNORE INTO unaliased VALUES (?, ?, ?)", gone)
    count_months(connection, model_id, new)


def forget(connection: sqlite3.Connection, model_id: int) -> None:
    """Nothing of the model is in the catalogue."""
    for (row_id,) in connection.execute("SELECT id FROM version WHERE model_id = ?", (model_id,)).fetchall():
        _delete(connection, row_id)
    for table in ("left_out", "alias", *_OF_EVENTS):
        connection.execute(f"DELETE FROM {table} WHERE model_id = ?", (model_id,))
    (body,) = connection.execute("SELECT body FROM model WHERE id = ?", (model_id,)).fetchone()
    connection.execute("INSERT INTO model_words (model_words, rowid, body) VALUES ('delete', ?, ?)", (model_id, body))
    connection.execute("DELETE FROM model WHERE id = ?", (model_id,))

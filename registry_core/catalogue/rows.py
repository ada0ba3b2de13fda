"""The rows of one model in the catalogue: what is there, and the transactions that replace it.

Each of them is made only if nobody else has written the model since it was looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ..models.model import ModelStore
from ..vocabulary.times import format_time
from .database import Database, count_change, fact


@dataclass(frozen=True)
class Known:
    """What the catalogue has of a model. ``turn`` counts who has written it, None: it has nothing.

    ``head``: digest of the event ``seq``. ``marks``: version -> the mark of its metadata, of those that may
    change without an event and those left out.
    """

    model_id: int | None = None
    mark: str | None = None
    seq: int = 0
    head: str | None = None
    turn: int | None = None
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Detail:
    """The rest of what it has: ``rows``: version -> row, ``pointing``: alias -> version, and those left out."""

    rows: Mapping[str, int]
    left_out: frozenset[str]
    pointing: Mapping[str, str]


@dataclass(frozen=True)
class News:
    """What the journal says that the catalogue has not. ``seq`` and ``head`` name its last event.

    ``events``: (seq, time or an empty text). ``proven``: versions registered, whose metadata cannot change.
    """

    is_any: bool
    events: Sequence[tuple[int, str]]
    named: frozenset[str]
    proven: frozenset[str]
    seq: int
    head: str | None


@dataclass(frozen=True)
class Entry:
    """A version as it is to be kept. ``values`` is None where it is left out, ``trouble`` says why."""

    version: str
    mark: str | None
    values: Mapping[str, Any] | None = None
    meta: str = ""
    annotations: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    trouble: str = ""


def known_of(connection: sqlite3.Connection, model: ModelStore) -> Known:
    sql = "SELECT id, mark, seq, head, turn FROM model WHERE task = ? AND name = ?"
    row = connection.execute(sql, (model.keys.task, model.keys.model_name)).fetchone()
    if row is None:
        return Known()
    sql = (
        "SELECT version, mark FROM version WHERE model_id = ?1 AND mark IS NOT NULL"
        " UNION ALL SELECT version, mark FROM left_out WHERE model_id = ?1"
    )
    model_id, mark, seq, head, turn = row
    return Known(model_id, mark, seq, head, turn, dict(connection.execute(sql, (model_id,)).fetchall()))


def detail_of(connection: sqlite3.Connection, known: Known) -> Detail:
    of_model = (known.model_id,)
    rows = connection.execute("SELECT version, id FROM version WHERE model_id = ?", of_model).fetchall()
    left_out = connection.execute("SELECT version FROM left_out WHERE model_id = ?", of_model).fetchall()
    sql = "SELECT alias, version FROM alias JOIN version ON id = version_id WHERE alias.model_id = ?"
    pointing = connection.execute(sql, of_model).fetchall()
    return Detail(dict(rows), frozenset(version for (version,) in left_out), dict(pointing))


class Writer:
    """Writes one model, as long as nobody else does."""

    def __init__(self, database: Database, model: ModelStore, known: Known, detail: Detail) -> None:
        self._database = database
        self._names = (model.keys.task, model.keys.model_name)
        self._known = known
        self._rows = dict(detail.rows)

    def write(self, entries: Iterable[Entry]) -> bool:
        """They are in the catalogue. False: somebody else has written the model."""
        with self._database.writing() as connection:
            if not self._take_turn(connection):
                return False
            self._put(connection, entries)
            count_change(connection)
        return True

    def finish(
        self,
        entries: Sequence[Entry],
        gone: Iterable[str],
        pointing: Mapping[str, str],
        news: News,
        mark: str | None,
        lost: str | None,
        *,
        anew: bool,
        has_moved: bool,
    ) -> bool | None:
        """As :meth:`write`, and the rest too. Whether that changed anything; None: somebody else has written it."""
        with self._database.writing() as connection:
            is_new = self._known.model_id is None
            if not self._take_turn(connection):
                return None
            model_id = self._known.model_id
            self._put(connection, entries)
            for version in gone:
                _remove(connection, self._rows.pop(version, None), model_id, version)
            connection.execute("DELETE FROM alias WHERE model_id = ?", (model_id,))
            targets = [(model_id, alias, self._rows.get(version)) for alias, version in pointing.items()]
            connection.executemany("INSERT INTO alias VALUES (?, ?, ?)", [row for row in targets if row[2] is not None])
            if anew:
                connection.execute("DELETE FROM event WHERE model_id = ?", (model_id,))
            _put_events(connection, model_id, news.events)
            last = (mark, news.seq, news.head, lost, model_id)
            connection.execute("UPDATE model SET mark = ?, seq = ?, head = ?, lost = ? WHERE id = ?", last)
            changed = bool(is_new or anew or entries or gone or news.events or has_moved)
            if changed:
                count_change(connection)
        return changed

    def _take_turn(self, connection: sqlite3.Connection) -> bool:
        row = connection.execute("SELECT id, turn FROM model WHERE task = ? AND name = ?", self._names).fetchone()
        if (row[1] if row else None) != self._known.turn:
            return False
        if row is None:
            cursor = connection.execute("INSERT INTO model (task, name, seq, turn) VALUES (?, ?, 0, 0)", self._names)
            self._known = replace(self._known, model_id=int(cursor.lastrowid or 0), turn=0)
        else:
            turn = int(row[1]) + 1
            connection.execute("UPDATE model SET turn = ? WHERE id = ?", (turn, row[0]))
            self._known = replace(self._known, model_id=int(row[0]), turn=turn)
        return True

    def _put(self, connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
        for entry in entries:
            row_id = self._rows.pop(entry.version, None)
            if self._known.turn or row_id is not None:
                _remove(connection, row_id, self._known.model_id, entry.version)
            if entry.values is None:
                values = (self._known.model_id, entry.version, entry.mark)
                connection.execute("INSERT INTO left_out VALUES (?, ?, ?)", values)
            else:
                self._rows[entry.version] = _insert(connection, row_id, self._known.model_id, entry)


def _insert(connection: sqlite3.Connection, row_id: int | None, model_id: int | None, entry: Entry) -> int:
    values = {"id": row_id, "model_id": model_id, "mark": entry.mark, **(entry.values or {})}
    cursor = connection.execute(
        f"INSERT INTO version ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
    )
    made = int(cursor.lastrowid or 0)
    connection.execute("INSERT INTO document VALUES (?, ?, ?)", (made, entry.meta, entry.annotations))
    connection.executemany("INSERT INTO metric VALUES (?, ?, ?)", [(made, *pair) for pair in entry.metrics.items()])
    connection.executemany("INSERT INTO tag VALUES (?, ?, ?)", [(made, *pair) for pair in entry.tags.items()])
    connection.execute("INSERT INTO words (rowid, body) VALUES (?, ?)", (made, entry.words))
    return made


def _remove(connection: sqlite3.Connection, row_id: int | None, model_id: int | None, version: str) -> None:
    connection.execute("DELETE FROM left_out WHERE model_id = ? AND version = ?", (model_id, version))
    if row_id is not None:
        for table in ("document", "metric", "tag", "alias"):
            connection.execute(f"DELETE FROM {table} WHERE version_id = ?", (row_id,))
        connection.execute("DELETE FROM words WHERE rowid = ?", (row_id,))
        connection.execute("DELETE FROM version WHERE id = ?", (row_id,))


def _put_events(connection: sqlite3.Connection, model_id: int | None, events: Sequence[tuple[int, str]]) -> None:
    """``known_at``: no event that becomes known later is much older. While the catalogue is built that is
    the event's own time, since then all are put in the order of their times (see ``event_stream``)."""
    now = format_time(datetime.now(UTC))
    is_built = fact(connection, "built") is not None
    times = [now] * len(events) if is_built else happened_before([ts_utc for _, ts_utc in events], now)
    rows = [(known_at, model_id, seq) for known_at, (seq, _) in zip(times, events, strict=True)]
    connection.executemany("INSERT OR IGNORE INTO event (known_at, model_id, seq) VALUES (?, ?, ?)", rows)


def happened_before(times: Sequence[str], now: str) -> list[str]:
    """For each event of a journal the time before which it was there.

    That is its own time. Where it has none, or an earlier one than the event before (a clock was wrong), it
    is that of the next event that has one: better told twice than never.
    """
    latest, usable = "", []
    for ts_utc in times:
        usable.append(ts_utc if ts_utc >= latest else "")
        latest = max(latest, ts_utc)
    found, following = [], now
    for ts_utc in reversed(usable):
        following = min(ts_utc, now) if ts_utc else following
        found.append(following)
    return found[::-1]


def forget(connection: sqlite3.Connection, model_id: int) -> None:
    """Nothing of the model is in the catalogue."""
    rows = connection.execute("SELECT id, version FROM version WHERE model_id = ?", (model_id,)).fetchall()
    for row_id, version in rows:
        _remove(connection, row_id, model_id, version)
    for table in ("left_out", "alias", "event"):
        connection.execute(f"DELETE FROM {table} WHERE model_id = ?", (model_id,))
    connection.execute("DELETE FROM model WHERE id = ?", (model_id,))

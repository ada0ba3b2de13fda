"""The first build: each model is read once, by several processes, and what finds it is made at the end.

What was read of whole models stays when it is killed: the next build goes on behind them.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from ..models.model import ModelStore
from ..storage.contract import Storage
from ..vocabulary.owners import LEGACY_UNOWNED
from ..vocabulary.texts import format_time
from . import event_stream, reading, whole_model
from .crew import Crew
from .database import Database, fact, set_fact
from .schema import INDEXES
from .summary import shown_of
from .values import UNSURE, Entry
from .whole_model import Outline, Read

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 500  # versions in one transaction: others write between them
SHARE_AT_ONCE = 50  # of the models before them, at most so large a part is written later: others see how far it is
WORDS_AT_ONCE = 5_000
MODELS_AT_ONCE = 8  # that one of the crew reads before it is heard of
# That are only added to.
_TABLES = ("version", "document", "metric", "tag", "left_out", "alias", "arrived", "unaliased")
_OF_MODEL = (
    "id, task, name, mark, turn, is_whole, seq, head, lost, broken, versions, bytes, newest_id, newest_at, description,"
    " changed_at, body, owner"
)

Names = tuple[str, str]


def build(
    database: Database, storage: Storage, found: list[ModelStore], processes: int, done: Callable[[int], None]
) -> set[Names]:
    """All models are in the catalogue, and it has its indexes. Returns those that were read now.

    ``done`` is told of how many have been. Raises ``Trouble``, and ``StorageUnavailable`` where the store is away, with
    the models that have been read whole kept.
    """
    with database.reading() as connection:
        if fact(connection, "indexed") is not None:
            return set()
    with database.writing() as connection:
        _forget_parts(connection)
        known = set(connection.execute("SELECT task, name FROM model").fetchall())
    todo = [name for model in found if (name := (model.keys.task, model.keys.model_name)) not in known]
    with Crew(storage, processes) as crew:
        writer = _Writer(database, storage)
        for number, (outline, parts) in enumerate(_read(crew, todo), start=1):
            if outline is not None:
                crew.count(writer.model(outline, parts))
            done(number)
        writer.flush()
    _make_indexes(database)
    return set(todo)


def _read(crew: Crew, todo: list[Names]) -> Iterator[tuple[Outline | None, Iterator[Read]]]:
    """Each model with its versions, in order; those to come are read ahead."""
    names = iter(todo)
    some = iter(lambda: list(islice(names, MODELS_AT_ONCE)), [])
    for outlines in crew.each(whole_model.outlines, some):
        for outline in outlines:
            rest = crew.each(whole_model.versions, outline.rest) if outline is not None else iter(())
            yield outline, rest


def _forget_parts(connection: sqlite3.Connection) -> None:
    """Nothing is left of a model that a killed build has read in part; there are no indexes yet to do so quickly."""
    for (model_id,) in connection.execute("SELECT id FROM model WHERE is_whole = 0").fetchall():
        for table in ("document", "metric", "tag"):
            sql = f"DELETE FROM {table} WHERE version_id IN (SELECT id FROM version WHERE model_id = ?)"
            connection.execute(sql, (model_id,))
        for table in ("version", "left_out"):
            connection.execute(f"DELETE FROM {table} WHERE model_id = ?", (model_id,))
        connection.execute("DELETE FROM model WHERE id = ?", (model_id,))


class _Writer:
    """Writes models into tables that have no index yet, many rows at once."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage
        with database.reading() as connection:
            self._model_id, self._version_id = (
                int(connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0])
                for table in ("model", "version")
            )
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _TABLES}
        self._models: list[tuple[Any, ...]] = []

    def model(self, outline: Outline, rest: Iterable[Read]) -> int:
        """All of the model is in the catalogue, or will be when the next ones are. Returns how many versions it has."""
        self._model_id += 1
        model = ModelStore(self._storage, outline.task, outline.name, 0.0)
        model.noticed.shown.update(outline.shown)
        ids: dict[str, int] = {}
        size_bytes, newest = 0, ("", "", "", "", 0)
        for read in (outline.first, *([] if not outline.rest else rest)):
            for entry in read.entries:
                row_id = self._version(outline, entry)
                if row_id is not None and entry.values is not None:
                    ids[entry.version] = row_id
                    size_bytes += entry.values["size_bytes"]
                    order = (entry.values["created_at"], entry.values["version_order"], entry.version)
                    newest = max(newest, (*order, entry.annotations, row_id))
            model.noticed.shown.update((key, seq) for key, seq in read.shown.items() if seq > outline.news.seq)
            self._flush_part(outline)
        for alias, moved in outline.aliases.items():
            target = ids.get(moved.version)
            self._rows["alias"].append((self._model_id, alias, moved.version, target, *moved[1:]))
        events = outline.news.events
        known_at = event_stream.happened_before([told.at for told in events], format_time(datetime.now(UTC)))
        self._rows["arrived"] += [(at, self._model_id, *told[:-1]) for at, told in zip(known_at, events, strict=True)]
        gone = ((self._model_id, alias, told.seq) for told in events for alias in told.unaliased)
        self._rows["unaliased"] += gone
        lost = reading.lost_end(model, outline.news)
        is_unsure = lost is not None and not self._storage.documents.looks_are_cheap()
        last_at = next((told.at for told in reversed(events) if told.at), "")
        shown = shown_of(outline.task, outline.name, newest[0], newest[3], last_at)
        mark = UNSURE if is_unsure else outline.mark
        journal = (outline.news.seq, outline.news.head, lost, outline.news.broken)
        numbers = (*journal, len(ids), size_bytes, newest[4] or None, newest[0])
        self._models.append(
            (self._model_id, outline.task, outline.name, mark, 0, 1, *numbers, *shown, str(outline.owner))
        )
        self._flush_if_large()
        return len(ids)

    def _version(self, outline: Outline, entry: Entry) -> int | None:
        if entry.values is None:
            title = f"{outline.task}/{outline.name}@{entry.version}"
            log.error("%s is left out of the catalogue: %s", title, entry.trouble)
            self._rows["left_out"].append((self._model_id, entry.version, entry.mark))
            return None
        self._version_id += 1
        made, created_at = self._version_id, entry.values["created_at"]
        self._rows["version"].append((made, self._model_id, *entry.values.values(), entry.mark))
        self._rows["document"].append((made, entry.meta, entry.annotations, entry.body))
        self._rows["metric"] += [(made, key, value, self._model_id, created_at) for key, value in entry.metrics.items()]
        self._rows["tag"] += [(made, key, value) for key, value in entry.tags.items()]
        return made

    def _flush_part(self, outline: Outline) -> None:
        """Of a large model what was read so far is written: it is known as one that is not whole."""
        if len(self._rows["version"]) >= ROWS_AT_ONCE:
            nothing = (None, 0, 0, 0, None, None, None, 0, 0, None, "", None, "", "", str(LEGACY_UNOWNED))
            part = (self._model_id, outline.task, outline.name, *nothing)
            self._models.append(part)
            self.flush()

    def _flush_if_large(self) -> None:
        if len(self._rows["version"]) >= ROWS_AT_ONCE or len(self._models) * SHARE_AT_ONCE > self._model_id:
            self.flush()

    def flush(self) -> None:
        """What was read is in the file."""
        with self._database.writing() as connection:
            for table, rows in self._rows.items():
                _insert(connection, f"INSERT INTO {table}", rows)
            _insert(connection, f"INSERT OR REPLACE INTO model ({_OF_MODEL})", self._models)
        self._rows = {table: [] for table in _TABLES}
        self._models = []


def _insert(connection: sqlite3.Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        connection.executemany(f"{statement} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _make_indexes(database: Database) -> None:
    """What was read can be found by whatever it is asked by; a piece at a time, so that others can write between."""
    with database.writing() as connection:
        if fact(connection, "ordered") is None:
            event_stream.put_in_order(connection)
            set_fact(connection, "ordered", 1)
    for statement in INDEXES:
        with database.writing() as connection:
            connection.execute(statement)
    for words, table, number in (("words", "document", "version_id"), ("model_words", "model", "id")):
        last = True
        while last:
            with database.writing() as connection:
                done = fact(connection, f"{words}_done") or 0
                sql = f"SELECT max({number}) FROM (SELECT {number} FROM {table} WHERE {number} > ? ORDER BY 1 LIMIT ?)"
                (last,) = connection.execute(sql, (done, WORDS_AT_ONCE)).fetchone()
                if last:
                    sql = f"SELECT {number}, body FROM {table} WHERE {number} > ? AND {number} <= ?"
                    connection.execute(f"INSERT INTO {words} (rowid, body) {sql}", (done, last))
                    set_fact(connection, f"{words}_done", last)
    with database.writing() as connection:
        set_fact(connection, "indexed", 1)

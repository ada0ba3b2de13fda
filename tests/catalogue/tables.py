"""What the catalogue's tables hold, by names and not by numbers, so that two files can be compared."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

_HAS = "WHERE seq > 0 OR versions > 0"
TABLES = {
    "model": (
        "SELECT m.task, m.name, m.seq, m.head, m.lost, m.broken, m.description, m.versions, m.bytes, m.changed_at,"
        f" m.newest_at, m.body, n.version FROM model m LEFT JOIN version n ON n.id = m.newest_id {_HAS}"
    ),
    "version": "SELECT task, model_name, version, version_order, created_at, stage, size_bytes FROM version",
    "document": (
        "SELECT v.task, v.model_name, v.version, d.meta, d.annotations, d.body"
        " FROM document d LEFT JOIN version v ON v.id = d.version_id"
    ),
    "alias": (
        "SELECT m.task, m.name, a.alias, a.version, v.version, a.updated_at, a.actor, a.reason, a.seq"
        " FROM alias a LEFT JOIN model m ON m.id = a.model_id LEFT JOIN version v ON v.id = a.version_id"
    ),
    "metric": (
        "SELECT v.task, v.model_name, v.version, k.key, k.value, k.created_at, k.model_id = v.model_id"
        " FROM metric k LEFT JOIN version v ON v.id = k.version_id"
    ),
    "tag": (
        "SELECT v.task, v.model_name, v.version, t.key, t.value FROM tag t LEFT JOIN version v ON v.id = t.version_id"
    ),
    "event": (
        "SELECT m.task, m.name, e.seq, e.at, e.event, e.alias, e.version, e.previous_version, e.actor, e.reason,"
        " e.said FROM event e LEFT JOIN model m ON m.id = e.model_id"
    ),
    "unaliased": "SELECT m.task, m.name, u.alias, u.seq FROM unaliased u LEFT JOIN model m ON m.id = u.model_id",
    "event_month": (
        "SELECT m.task, m.name, e.month, e.event, e.n FROM event_month e LEFT JOIN model m ON m.id = e.model_id"
    ),
    "left_out": "SELECT m.task, m.name, l.version FROM left_out l LEFT JOIN model m ON m.id = l.model_id",
}


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Table -> its rows. Fails where the full text is not that of the rows, or the file is damaged."""
    with opened(path) as connection:
        for table in ("words", "model_words"):
            connection.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {table: sorted(connection.execute(sql), key=json.dumps) for table, sql in TABLES.items()}


def plan(connection: sqlite3.Connection, sql: str, values: Any = ()) -> list[str]:
    """How the database answers the question, a step each."""
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]

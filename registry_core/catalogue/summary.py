"""What a list of models shows of each is kept in its own row, and how much happened in each month beside it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable

from ..vocabulary.texts import escaped, format_time, parse_time
from .search_words import words_of
from .values import Told

MAX_DESCRIPTION_CHARACTERS = 4096  # of a line in a list
_NEWEST = (
    "SELECT id, created_at FROM version WHERE model_id = ?"
    " ORDER BY created_at DESC, version_order DESC, version DESC LIMIT 1"
)
_LAST_TIME = "SELECT at FROM event WHERE model_id = ? AND at <> '' ORDER BY seq DESC LIMIT 1"
_MONTH = (
    "INSERT INTO event_month VALUES (?, ?, ?, ?) ON CONFLICT (model_id, month, event) DO UPDATE SET n = n + excluded.n"
)


def shown_of(task: str, name: str, created_at: str, annotations: str, last_at: str) -> tuple[str | None, str, str]:
    """(description, when it changed, words) of a model by its newest version's moment and annotations, and last event.

    Both are empty where it has none.
    """
    said = json.loads(annotations) if annotations else {}
    description, tags = said.get("description"), said.get("tags")
    shown = escaped(description[:MAX_DESCRIPTION_CHARACTERS]) if isinstance(description, str) else None
    made = parse_time(created_at)
    changed_at = max(last_at, format_time(made) if made is not None else "")
    return shown, changed_at, words_of([task, name, description, tags])


def summarise(connection: sqlite3.Connection, model_id: int, task: str, name: str) -> None:
    """The model's row says what is so of its newest version, and when it changed."""
    newest_id, created_at = connection.execute(_NEWEST, (model_id,)).fetchone() or (None, "")
    sql = "SELECT annotations FROM document WHERE version_id = ?"
    (annotations,) = connection.execute(sql, (newest_id,)).fetchone() or ("",)
    (last_at,) = connection.execute(_LAST_TIME, (model_id,)).fetchone() or ("",)
    description, changed_at, body = shown_of(task, name, created_at, annotations, last_at)
    (before,) = connection.execute("SELECT body FROM model WHERE id = ?", (model_id,)).fetchone()
    values = (description, newest_id, created_at, changed_at, body, model_id)
    sql = "UPDATE model SET description = ?, newest_id = ?, newest_at = ?, changed_at = ?, body = ? WHERE id = ?"
    connection.execute(sql, values)
    if body != before:
        sql = "INSERT INTO model_words (model_words, rowid, body) VALUES ('delete', ?, ?)"
        connection.execute(sql, (model_id, before))
        connection.execute("INSERT INTO model_words (rowid, body) VALUES (?, ?)", (model_id, body))


def count_months(connection: sqlite3.Connection, model_id: int, events: Iterable[Told]) -> None:
    """The events are counted, those that say when they happened."""
    counted = Counter((told.at[:7], told.event) for told in events if told.at)
    connection.executemany(_MONTH, [(model_id, *month, n) for month, n in counted.items()])

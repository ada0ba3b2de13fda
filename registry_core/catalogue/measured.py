"""The values of a metric in the versions of a model, and which metrics there are, of the newest versions."""

from __future__ import annotations

import sqlite3

Value = tuple[str, str | None, float]
NEWEST = 20  # versions whose metrics are known by their names
MOST_KEYS = 1_000
# The metric first: else each version of the model would be looked for.
_VALUES = (
    "SELECT v.version, t.created_at, t.value FROM (SELECT version_id, created_at, value FROM metric INDEXED BY"
    " metric_model WHERE model_id = ? AND key = ? ORDER BY created_at DESC LIMIT ?) t"
    " CROSS JOIN version v ON v.id = t.version_id"
)
_KEYS = (
    "SELECT DISTINCT t.key FROM (SELECT id FROM version INDEXED BY version_model WHERE model_id = ?"
    " ORDER BY created_at DESC, id DESC LIMIT ?) v CROSS JOIN metric t ON t.version_id = v.id ORDER BY 1 LIMIT ?"
)


def values(connection: sqlite3.Connection, model_id: int, key: str, limit: int) -> tuple[Value, ...]:
    """(version, when it was made, value) of the newest versions that have the metric, oldest first."""
    found = connection.execute(_VALUES, (model_id, key, limit)).fetchall()
    return tuple((version, created_at or None, value) for version, created_at, value in reversed(found))


def keys(connection: sqlite3.Connection, model_id: int) -> tuple[str, ...]:
    """The metrics of the newest versions, sorted."""
    return tuple(key for (key,) in connection.execute(_KEYS, (model_id, NEWEST, MOST_KEYS)))

"""A page of the versions of one model: each row is found by an index, however many there are."""

from __future__ import annotations

import json
import sqlite3

from ..format.events import REGISTER
from ..vocabulary.filters import check_limit
from ..vocabulary.summaries import VersionPage, VersionRow
from .queries import fingerprint_of, make_cursor, read_cursor, wrong_cursor

_METRICS = (
    "SELECT t.version_id, t.key, t.value FROM json_each(?) o CROSS JOIN json_each(?) k CROSS JOIN metric t"
    " ON t.version_id = o.value AND t.key = k.value"
)
_ALIASES = (
    "SELECT a.version, a.alias FROM json_each(?) o CROSS JOIN alias a INDEXED BY alias_version"
    " ON a.model_id = ? AND a.version = o.value ORDER BY a.alias"
)
# The first of a version's events that took it in: one that was restored has not come anew.
_MADE = (
    "SELECT e.version, e.actor, e.reason FROM json_each(?) o CROSS JOIN event e ON e.rowid = ("
    "SELECT n.rowid FROM event n INDEXED BY event_version WHERE n.model_id = ? AND n.version = o.value"
    " AND n.event = ? ORDER BY n.seq LIMIT 1)"
)


def page(
    connection: sqlite3.Connection, found: int, metrics: tuple[str, ...], limit: int, cursor: str | None
) -> VersionPage:
    """The model's versions, the last made first, each with what it achieved of ``metrics``.

    Raises ``InvalidParameter``.
    """
    check_limit(limit)
    asked = fingerprint_of("versions", found)
    behind, last = ("", ()) if cursor is None else (" AND (created_at, id) < (?, ?)", _last(cursor, asked))
    rows = connection.execute(
        "SELECT id, version, created_at, stage, size_bytes FROM version INDEXED BY version_model"
        f" WHERE model_id = ?{behind} ORDER BY created_at DESC, id DESC LIMIT ?",
        (found, *last, limit + 1),
    ).fetchall()
    shown = rows[:limit]
    ids, names = json.dumps([row[0] for row in shown]), json.dumps([row[1] for row in shown])
    achieved: dict[int, dict[str, float]] = {}
    for row_id, key, value in connection.execute(_METRICS, (ids, json.dumps(metrics))):
        achieved.setdefault(row_id, {})[key] = value
    aliases: dict[str, list[str]] = {}
    for version, alias in connection.execute(_ALIASES, (names, found)):
        aliases.setdefault(version, []).append(alias)
    made = {version: (actor, reason) for version, actor, reason in connection.execute(_MADE, (names, found, REGISTER))}
    items = [
        VersionRow(
            version,
            created_at or None,
            *made.get(version, (None, None)),
            stage,
            size_bytes,
            aliases.get(version, []),
            achieved.get(row_id, {}),
        )
        for row_id, version, created_at, stage, size_bytes in shown
    ]
    following = make_cursor(asked, shown[-1][2], shown[-1][0]) if len(rows) > limit else None
    told = connection.execute("SELECT lost, broken FROM model WHERE id = ?", (found,)).fetchone()
    return VersionPage(items, following, [text for text in told if text is not None])


def _last(cursor: str, asked: str) -> tuple[str, int]:
    """What the page before ended with. Raises ``InvalidParameter``."""
    last = read_cursor(cursor, asked)
    if [type(one) for one in last] != [str, int] or not 0 <= last[1] < 1 << 63:
        raise wrong_cursor()
    created_at, row_id = last
    return str(created_at), int(row_id)

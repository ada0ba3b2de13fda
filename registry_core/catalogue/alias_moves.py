"""The newest moves of a model's aliases, each found by an index, however many events there are."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from ..format.events import REPAIR
from ..models.spans import Move
from ..vocabulary.stages import ALIAS_STAGES
from ..vocabulary.texts import parse_time

# The alias, the version that it names from then on (of what is removed beside another none), and the event.
_MOVE = "SELECT e.seq, e.alias, e.version, e.at, e.actor, e.reason, e.is_own FROM event e"
_GONE = (
    "SELECT u.seq, u.alias, NULL, e.at, e.actor, e.reason, e.is_own FROM unaliased u"
    " JOIN event e ON e.model_id = u.model_id AND e.seq = u.seq"
)
_ALIASES = (
    "WITH RECURSIVE one(alias) AS (SELECT min(alias) FROM event WHERE model_id = ?1 UNION ALL SELECT"
    " (SELECT min(alias) FROM event WHERE model_id = ?1 AND alias > one.alias) FROM one WHERE one.alias IS NOT NULL)"
    " SELECT alias FROM one WHERE alias IS NOT NULL"
)
MOST_AT_ONCE = len(ALIAS_STAGES) + 1  # aliases that one event moves
Row = tuple[int, str, str | None, str, str | None, str | None, int]


def newest(
    connection: sqlite3.Connection, model_id: int, alias: str | None, limit: int
) -> tuple[list[Move], datetime | None] | None:
    """As :func:`.spans.newest`; None where only the journal tells.

    So it is where its end is lost, and of what older software wrote: which times count there, only all lines say.
    """
    if connection.execute("SELECT 1 FROM model WHERE id = ? AND lost IS NOT NULL", (model_id,)).fetchone():
        return None
    values: tuple[Any, ...]
    own, values = ("", (model_id,)) if alias is None else (" AND alias = ?", (model_id, alias))
    index = "event_alias" if alias is not None else "event_moves"
    several = (
        f"{_MOVE} INDEXED BY {index} WHERE e.model_id = ?{own.replace('alias', 'e.alias')} AND e.alias IS NOT NULL",
        f"{_GONE} WHERE u.model_id = ?{own.replace('alias', 'u.alias')}",
    )
    rows = _last(connection, several, values, limit + MOST_AT_ONCE)
    window = [row for row in rows if row[0] >= rows[-limit:][0][0]]  # whole events
    is_cut = len(rows) > len(window)
    before = []
    if is_cut:
        for name in [alias] if alias is not None else [one for (one,) in connection.execute(_ALIASES, (model_id,))]:
            each = (
                f"{_MOVE} INDEXED BY event_alias WHERE e.model_id = ? AND e.alias = ? AND e.seq < ?",
                f"{_GONE} WHERE u.model_id = ? AND u.alias = ? AND u.seq < ?",
            )
            before += [row for row in _last(connection, each, (model_id, name, window[0][0]), 1) if row[2] is not None]
    found = [*sorted(before), *window]
    if not all(row[-1] and row[3] for row in found):
        return None
    repairs = "SELECT seq, at FROM event INDEXED BY event_kind WHERE model_id = ? AND event = ? ORDER BY seq"
    later = connection.execute(repairs, (model_id, REPAIR)).fetchall()
    moves = [_move(row, later) for row in found]
    return moves, moves[len(before)].at if is_cut else None


def _last(connection: sqlite3.Connection, several: tuple[str, ...], values: tuple[Any, ...], limit: int) -> list[Row]:
    """The last of the rows of all, in the order of the journal."""
    rows = [row for sql in several for row in connection.execute(f"{sql} ORDER BY 1 DESC LIMIT {limit}", values)]
    return sorted(rows)[-limit:]


def _move(row: Row, repairs: list[tuple[int, str]]) -> Move:
    """The move, at the moment from which on it counts: a clock that was ahead may have been set right later."""
    seq, alias, version, at, actor, reason, _ = row
    moment = parse_time(min([at, *(then for number, then in repairs if number > seq and then)]))
    assert moment is not None
    return Move(alias, version, moment, actor, reason, seq)

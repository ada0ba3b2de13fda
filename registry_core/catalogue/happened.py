"""What happened, in one model or in all: pages of events by the catalogue's own rows, and how much in which month.

A page looks at so many events at most; where few of those are wanted it is short, and says where to go on.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from ..vocabulary.answers import Event, HistoryPage
from ..vocabulary.texts import is_unicode
from .event_queries import TESTS, EventQuery
from .pages import SHOWN
from .queries import make_cursor, read_cursor, wrong_cursor

LOOKED_AT = 3_000  # events, for a page
FEW_ROWS = 10_000  # that are put in order together, where that spares a walk past events of others
_SAID = "e.seq, e.at, e.event, e.alias, e.version, e.previous_version, e.actor, e.reason, e.said"
# What most narrows the events of a model, and the index that they are walked by.
_INDEXES = {"version": "event_about", "alias": "event_seq", "actor": "event_actor", "event": "event_kind"}
# Of each model that may be seen those that can be on the page.
_OF_FEW = (
    "e.position IN (SELECT p.position FROM json_each(?) o CROSS JOIN event p ON p.position IN (SELECT n.position FROM"
    " event n INDEXED BY event_when WHERE n.model_id = o.value AND {0} ORDER BY n.at{1}, n.seq{1} LIMIT {2}))"
)
# Of an alias those too that have removed it together with others.
_OF_ALIAS = (
    "e.seq IN (SELECT seq FROM (SELECT seq FROM event INDEXED BY event_alias WHERE model_id = ? AND alias = ?{0}"
    " ORDER BY seq{1} LIMIT {2}) UNION SELECT seq FROM (SELECT seq FROM unaliased WHERE model_id = ? AND alias = ?{0}"
    " ORDER BY seq{1} LIMIT {2}))"
)


def of_model(
    connection: sqlite3.Connection, model_id: int, query: EventQuery, after: int, before: int | None
) -> HistoryPage:
    """The events between the two numbers that are wanted, in the order of the journal; ``next`` is the last looked at.

    Where they are asked for by their time, they are in that order: a clock may have been wrong.
    """
    sql = "SELECT task, name, lost, broken FROM model WHERE id = ?"
    task, name, *said = connection.execute(sql, (model_id,)).fetchone()
    told = [text for text in said if text is not None]
    narrow = next((one for one in _INDEXES if getattr(query, one) is not None), None)
    if query.names_nobody and query.actor is not None:
        return HistoryPage([], None, told)
    is_timed = narrow is None and (query.since is not None or query.until is not None)
    down = " DESC" if query.is_descending else ""
    tests, values = query.tests(but=("since", "until") if is_timed else (narrow,))
    most = max(LOOKED_AT if tests else 0, query.limit + 1)
    bounds, given = _between(connection, model_id, query, after, before, is_timed=is_timed)
    if narrow == "alias":
        within = "".join(f" AND {bound.removeprefix('e.')}" for bound in bounds)
        bounds.append(_OF_ALIAS.format(within, down, most))
        given += [*(ours := [model_id, query.alias, *given]), *ours]
    elif narrow is not None:
        bounds.append(TESTS[narrow].replace("?1", "?"))
        given.append(getattr(query, narrow))
    index = _INDEXES[narrow] if narrow is not None else "event_when" if is_timed else "event_seq"
    source = (
        f"FROM event e INDEXED BY {index} WHERE {' AND '.join(('e.model_id = ?', *bounds))}"
        f" ORDER BY {f'e.at{down}, ' if is_timed else ''}e.seq{down}"
    )
    sql = f"SELECT {_SAID} FROM (SELECT * {source} LIMIT {most}) e WHERE {' AND '.join(tests) or '1'}"
    rows = connection.execute(f"{sql} LIMIT {query.limit + 1}", [model_id, *given, *values]).fetchall()
    last = rows[query.limit - 1] if len(rows) > query.limit else None
    if last is None:
        sql = f"SELECT e.seq {source} LIMIT 1 OFFSET {most - 1}"
        last = connection.execute(sql, [model_id, *given]).fetchone()
    events = [_event(task, name, row) for row in rows[: query.limit]]
    return HistoryPage(events, None if last is None else last[0], told)


def _between(
    connection: sqlite3.Connection, model_id: int, query: EventQuery, after: int, before: int | None, *, is_timed: bool
) -> tuple[list[str], list[Any]]:
    """(what bounds the walk, the values in it)."""
    bounds, given = [], []
    edges = {"since": query.since, "until": query.until} if is_timed else {}
    for seq, sign, edge in ((after or None, ">", "since"), (before, "<", "until")):
        if seq is None:
            continue
        sql = "SELECT at FROM event WHERE model_id = ? AND seq = ?"
        at = connection.execute(sql, (model_id, seq)).fetchone() if is_timed else None
        limit = edges.get(edge)
        if at is not None and limit is not None and (at[0] >= limit if sign == "<" else at[0] < limit):
            continue  # all that is within the time is beyond it
        bounds.append(f"e.seq {sign} ?" if at is None else f"(e.at, e.seq) {sign} (?, ?)")
        given += [*(at or ()), seq]
        if at is not None:
            edges.pop(edge)
    for edge, limit in edges.items():
        if limit is not None:
            bounds.append(TESTS[edge].replace("?1", "?"))
            given.append(limit)
    return bounds, given


def of_all(
    connection: sqlite3.Connection, query: EventQuery, shown: str | None, cursor: str | None
) -> tuple[list[Event], str | None]:
    """(the events of all models from the cursor on that are wanted, in the order of their time; what follows).

    ``shown``: see :func:`.pages.shown_models`.
    """
    if query.names_nobody and query.actor is not None:
        return [], None
    down, sign = (" DESC", "<") if query.is_descending else ("", ">")
    tests, values = query.tests(but=("since", "until"), more=("m.task", "m.name"))
    most = max(LOOKED_AT if tests else 0, query.limit + 1)
    bounds: list[str] = ["1"]
    given: list[Any] = []
    for name in ("since", "until"):
        if getattr(query, name) is not None:
            bounds.append(TESTS[name].replace("?1", "?"))
            given.append(getattr(query, name))
    if cursor is not None:
        at, position = _place(connection, query, shown, cursor)
        bounds.append(f"(e.at, e.position) {sign} (?, ?)" if position is not None else f"e.at {sign}= ?")
        given += [at, *([] if position is None else [position])]
    by = "INDEXED BY event_at"
    if shown is not None:
        seen = [row[0] for row in connection.execute(SHOWN, (shown,))]
        given.append(json.dumps(seen))
        if len(seen) * most <= FEW_ROWS:
            within = " AND ".join(bounds).replace("e.", "n.")
            by, bounds, given = "", [_OF_FEW.format(within, down, most)], [given[-1], *given[:-1]]
        else:
            bounds.append("+e.model_id IN (SELECT value FROM json_each(?))")
    source = f"FROM event e {by} WHERE {' AND '.join(bounds)} ORDER BY e.at{down}, e.position{down}"
    said = f"SELECT {_SAID}, m.task, m.name FROM (SELECT * {source}"
    named = "e CROSS JOIN model m ON m.id = e.model_id"
    sql = f"{said} LIMIT {most}) {named} WHERE {' AND '.join(tests) or '1'} LIMIT {query.limit + 1}"
    rows = connection.execute(sql, [*given, *values]).fetchall()
    last = rows[query.limit - 1] if len(rows) > query.limit else None
    if last is None:
        last = connection.execute(f"{said} LIMIT 1 OFFSET {most - 1}) {named}", given).fetchone()
    events = [_event(row[-2], row[-1], row[:-2]) for row in rows[: query.limit]]
    return events, None if last is None else make_cursor(query.fingerprint(), last[1], *last[-2:], last[0])


def _place(connection: sqlite3.Connection, query: EventQuery, shown: str | None, cursor: str) -> tuple[str, int | None]:
    """(the time of the last event that the page before has shown, its position where it is known here).

    Raises ``InvalidParameter``.
    """
    last = read_cursor(cursor, query.fingerprint(), "before")
    is_whole = len(last) == 4 and all(isinstance(one, str) and is_unicode(one) for one in last[:3])
    if not is_whole or type(last[3]) is not int or abs(last[3]) >= 1 << 63:
        raise wrong_cursor("before")
    sql = (
        "SELECT e.position FROM model m JOIN event e ON e.model_id = m.id AND e.at = ? WHERE m.task = ? AND m.name = ?"
        f" AND e.seq = ?{'' if shown is None else f' AND +m.id IN ({SHOWN})'}"
    )
    row = connection.execute(sql, last if shown is None else [*last, shown]).fetchone()
    return last[0], None if row is None else int(row[0])


def _event(task: str, model_name: str, row: Sequence[Any]) -> Event:
    seq, at, event, alias, version, previous_version, actor, reason, said = row
    return Event(
        seq=seq,
        event=event,
        task=task,
        model_name=model_name,
        version=version,
        alias=alias,
        previous_version=previous_version,
        actor=actor,
        reason=reason,
        ts_utc=at or None,
        package_digest=None,
        **({} if said is None else json.loads(said)),
    )


def months(connection: sqlite3.Connection, model_id: int) -> tuple[tuple[str, str, int], ...]:
    """(month, kind, how many), the newest month first."""
    sql = "SELECT month, event, n FROM event_month WHERE model_id = ? ORDER BY month DESC, event"
    return tuple(connection.execute(sql, (model_id,)))

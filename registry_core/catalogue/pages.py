"""The versions that a query finds, and the page of them that it asks for.

A page begins after the last item of the one before, by the values that it is sorted by (keyset), so what
is added meanwhile moves nothing. A filter that few versions pass is evaluated first, and one that many
pass while walking in order: either way a page costs about what it shows.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..models.visible import Visible
from ..vocabulary import owners
from ..vocabulary.texts import printable
from .queries import NAME_ORDER, Condition, Order, Query

MAX_PAGE_BYTES = 16 * 1024 * 1024  # a page of large metadata ends before its limit
MOST_LOST_ENDS = 5  # that a list names: a header holds them
_LOOKUP_COST = 4  # of a version by its id, next to one met in order
_WALKED_FOR_EACH = 20  # versions met for each one shown, before a walk is given up
# The ids of the models that may be seen.
SHOWN = (
    "SELECT m.id FROM json_each(?) o JOIN model m"
    " ON m.task = json_extract(o.value, '$[0]') AND m.name = json_extract(o.value, '$[1]')"
)


class Selection:
    """A set of versions, a byte for each id that there is; ``total`` is how many they are."""

    def __init__(self, marks: bytes) -> None:
        self._marks = marks
        self.total = marks.count(1)

    @property
    def size_bytes(self) -> int:
        return len(self._marks) + 200

    @classmethod
    def of(cls, ids: Iterable[tuple[int]], highest: int) -> Selection:
        marks = bytearray(highest + 1)
        for (row_id,) in ids:
            marks[row_id] = 1
        return cls(bytes(marks))

    def __and__(self, other: Selection) -> Selection:
        both = int.from_bytes(self._marks) & int.from_bytes(other._marks)
        return Selection(both.to_bytes(len(self._marks)))

    def __contains__(self, row_id: int) -> bool:
        return self._marks[row_id] == 1

    def __iter__(self) -> Iterator[int]:
        at = self._marks.find(1)
        while at >= 0:
            yield at
            at = self._marks.find(1, at + 1)


@dataclass(frozen=True)
class Page:
    """Rows as flat objects, and the cursor of what follows."""

    items: list[dict[str, Any]]
    next: str | None


def shown_models(connection: sqlite3.Connection, visible: Visible) -> str | None:
    """The models that may be seen, as the value that :data:`SHOWN` takes; None: all that there are."""
    can_see = visible.can_see()
    if can_see is None:
        return None
    there = connection.execute("SELECT task, name, owner FROM model ORDER BY task, name").fetchall()
    shown = [(task, name) for task, name, owner in there if can_see(task, name, owners.parse(owner))]
    return None if len(shown) == len(there) else json.dumps(shown, ensure_ascii=False)


def model_id(connection: sqlite3.Connection, task: str, model_name: str, visible: Visible) -> int | None:
    """The model's id; None where there is none, or none that may be seen."""
    sql = "SELECT id, owner FROM model WHERE task = ? AND name = ? AND (seq > 0 OR versions > 0)"
    row = connection.execute(sql, (task, model_name)).fetchone()
    can_see = visible.can_see()
    if row is None or (can_see is not None and not can_see(task, model_name, owners.parse(row[1]))):
        return None
    return int(row[0])


def passing(connection: sqlite3.Connection, query: Query, shown: str | None) -> Selection | None:
    """The versions that pass the filters. None: all pass.

    ``shown``: what :func:`shown_models` gives.
    """
    match = query.match()
    conditions = query.conditions()
    if shown is not None:
        conditions.append(Condition(f"SELECT id FROM version WHERE model_id IN ({SHOWN})", (shown,)))
    if match is not None:
        conditions.insert(0, Condition("SELECT rowid FROM words WHERE words MATCH ?", (match,)))
    highest = _highest(connection)
    found = Selection(bytes(highest + 1)) if match == "" else None
    for one in conditions:
        if found is None:
            found = Selection.of(connection.execute(one.ids, one.values), highest)
        elif found.total:
            found &= Selection.of(connection.execute(one.ids, one.values), highest)
    return found


def remarks(connection: sqlite3.Connection, query: Query, found: Selection | None, shown: str | None) -> list[str]:
    """What whoever asks should know of the versions that were found: those whose journal has lost its end, those that
    could not be, and that nothing is sorted by a metric that no version has."""
    said = _lost_ends(connection, query, found) + left_out(connection, query.task, shown)
    metric = query.order().metric
    sql = f"SELECT 1 FROM metric WHERE key = ?{'' if shown is None else f' AND model_id IN ({SHOWN})'} LIMIT 1"
    values = (metric,) if shown is None else (metric, shown)
    if metric is not None and connection.execute(sql, values).fetchone() is None:
        said.append(f"No version has a metric {printable(metric)!r}; they are sorted by their names.")
    return said


def damaged(connection: sqlite3.Connection, shown: str | None) -> list[str]:
    """That journals have lost their ends or are not what was written, of models that may be seen."""
    sql = (
        "SELECT coalesce(lost, broken) FROM model INDEXED BY model_damaged WHERE coalesce(lost, broken) IS NOT NULL"
        f"{'' if shown is None else f' AND +id IN ({SHOWN})'} ORDER BY id"
    )
    found = connection.execute(sql, () if shown is None else (shown,)).fetchall()
    return _first([said for (said,) in found])


def lost_ends(connection: sqlite3.Connection, shown: str | None) -> list[str]:
    """That journals have lost their ends, of models that may be seen."""
    visible = "" if shown is None else f" AND id IN ({SHOWN})"
    sql = f"SELECT lost FROM model WHERE lost IS NOT NULL{visible} ORDER BY id"
    found = connection.execute(sql, () if shown is None else (shown,)).fetchall()
    return _first([lost for (lost,) in found])


def _lost_ends(connection: sqlite3.Connection, query: Query, found: Selection | None) -> list[str]:
    said = []
    sql = "SELECT id, lost FROM model WHERE lost IS NOT NULL AND (?1 IS NULL OR task = ?1) ORDER BY id"
    for model_id, lost in connection.execute(sql, (query.task,)).fetchall():
        versions = connection.execute("SELECT id FROM version WHERE model_id = ?", (model_id,))
        if any(found is None or row_id in found for (row_id,) in versions):
            said.append(lost)
    return _first(said)


def _first(said: list[str]) -> list[str]:
    more = len(said) - MOST_LOST_ENDS
    return said if more <= 0 else [*said[:MOST_LOST_ENDS], f"So are the journals of {more} more models."]


def left_out(connection: sqlite3.Connection, task: str | None, shown: str | None) -> list[str]:
    """That versions, of the task if one is given, cannot be read and so are in no list."""
    sql = (
        "SELECT task, name, l.version FROM left_out l JOIN model ON id = l.model_id WHERE (? IS NULL OR task = ?)"
        + ("" if shown is None else f" AND id IN ({SHOWN})")
        + " ORDER BY task, name, l.version"
    )
    found = connection.execute(sql, (task, task) if shown is None else (task, task, shown)).fetchall()
    if not found:
        return []
    names = [printable(f"{of_task}/{model_name}@{version}") for of_task, model_name, version in found]
    some, more = ", ".join(names[:MOST_LOST_ENDS]), len(names) - MOST_LOST_ENDS
    if more > 0:
        some += f" and {more} more"
    return [f"What {some} holds cannot be read, so no list has it. An operator should look at it with 'omr check'."]


def count_all(connection: sqlite3.Connection) -> int:
    """How many versions there are."""
    return int(connection.execute("SELECT count(*) FROM version").fetchone()[0])


def _highest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM version").fetchone()[0])


def select(connection: sqlite3.Connection, query: Query, found: Selection | None) -> Page:
    """The page that the query asks for; ``found`` is what :func:`passing` says of it."""
    wanted = query.limit + 1
    if found is None:
        rows = list(_walk(connection, query, wanted))
    else:
        # So many looked up one by one cost as much as a walk past all the others.
        few = math.isqrt(wanted * _highest(connection) // _LOOKUP_COST)
        walked = _among(_walk(connection, query), found, wanted, _highest(connection)) if found.total > few else None
        rows = walked if walked is not None else list(_walk(connection, query, wanted, found))
    documents = _documents(connection, [row[0] for row in rows[: query.limit]])
    is_last = len(documents) == len(rows)
    return Page(documents, None if is_last else query.cursor_after(rows[len(documents) - 1][1:]))


def _among(
    walk: Iterable[tuple[Any, ...]], found: Selection, wanted: int, highest: int
) -> list[tuple[Any, ...]] | None:
    """The first ``wanted`` rows that were found; None where they are not met soon."""
    rows = []
    patience = _WALKED_FOR_EACH * wanted * highest // found.total
    for row in walk:
        if row[0] in found:
            rows.append(row)
            if len(rows) == wanted:
                break
        patience -= 1
        if patience < 0:
            return None
    return rows


def _walk(
    connection: sqlite3.Connection, query: Query, wanted: int | None = None, among: Selection | None = None
) -> Iterator[tuple[Any, ...]]:
    """(id, values of the order's columns) of the versions behind the cursor, in order; the first ``wanted``.

    By a metric those that have it, and then those without it, whose value is None.
    """
    last = query.after() if query.cursor is not None else None

    def rows() -> Iterator[tuple[Any, ...]]:
        for order in query.order().parts():
            begins_here = last is not None and order.lacks == (order.metric is not None and last[0] is None)
            if last is not None and not begins_here and not order.lacks:
                continue  # the page before has ended behind all of these
            after = last[1:] if last is not None and order.lacks else last
            yield from _part(connection, query, order, after if begins_here else None, wanted, among)

    return islice(rows(), wanted)


def _part(
    connection: sqlite3.Connection,
    query: Query,
    order: Order,
    last: list[Any] | None,
    wanted: int | None,
    among: Selection | None,
) -> Iterable[tuple[Any, ...]]:
    tests: list[str] = []
    values: list[Any] = []
    source = "version v"
    if among is not None:
        source = "json_each(?) f CROSS JOIN version v ON v.id = f.value"
        values.append(json.dumps(list(among)))
    if order.metric is not None:
        values.append(order.metric)
        if order.lacks:
            tests.append("NOT EXISTS (SELECT 1 FROM metric m WHERE m.version_id = v.id AND m.key = ?)")
        else:
            joined = "metric m ON m.version_id = v.id AND m.key = ?"
            alone = "metric m CROSS JOIN version v ON v.id = m.version_id AND m.key = ?"
            source = alone if among is None else f"{source} CROSS JOIN {joined}"
    if query.task is not None:
        # Other orders than by name are not to be walked by the index of names.
        tests.append("v.task = ?" if order.columns == NAME_ORDER else "+v.task = ?")
        values.append(query.task)
    if last is not None:
        test, behind = order.after(last)
        tests.append(test)
        values += behind
    columns = ", ".join([*(["NULL"] if order.lacks else []), *map(order.column, order.columns)])
    sql = f"SELECT v.id, {columns} FROM {source} WHERE {' AND '.join(tests) or '1'} ORDER BY {order.sql()}"
    return connection.execute(sql if wanted is None else f"{sql} LIMIT {wanted}", values)


def _documents(connection: sqlite3.Connection, ids: list[int]) -> list[dict[str, Any]]:
    """The first of them, at least one, as far as they are not too much for one answer."""
    found: list[dict[str, Any]] = []
    room = MAX_PAGE_BYTES
    for row_id in ids:
        sql = "SELECT meta, annotations FROM document WHERE version_id = ?"
        meta, annotations = connection.execute(sql, (row_id,)).fetchone()
        room -= len(meta) + len(annotations)
        if room < 0 and found:
            break
        found.append({**json.loads(meta), **json.loads(annotations)})
    return found

"""Questions to the catalogue: filters, orders, and pages that neither skip nor repeat while it grows.

A page begins after the last item of the one before, by the values that it is sorted by (keyset), so what
is added meanwhile moves nothing. A filter that few versions pass is evaluated first, and one that many
pass while walking in order: either way a page costs about what it shows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..models.visible import Visible
from ..vocabulary.errors import InvalidParameter
from ..vocabulary.filters import MAX_LIMIT, Filters
from ..vocabulary.stages import STAGES
from ..vocabulary.texts import is_unicode, printable
from .search_words import split_words

MAX_FILTERS = 100  # and as many words
MAX_PAGE_BYTES = 16 * 1024 * 1024  # a page of large metadata ends before its limit
_BY_METRIC = re.compile(r"metric:(.+)", re.DOTALL)
_NAME_ORDER = ("task", "model_name", "version_order", "version")
_LOOKUP_COST = 4  # of a version by its id, next to one met in order
_WALKED_FOR_EACH = 20  # versions met for each one shown, before a walk is given up
# The ids of the models that may be seen.
SHOWN = (
    "SELECT m.id FROM json_each(?) o JOIN model m"
    " ON m.task = json_extract(o.value, '$[0]') AND m.name = json_extract(o.value, '$[1]')"
)
_OF_MODEL = "SELECT v.id FROM model o JOIN version v ON v.model_id = o.id WHERE o.{} = ?"


@dataclass(frozen=True, kw_only=True)
class Query(Filters):
    """What is asked for, and what it means to the catalogue."""

    def conditions(self) -> list[Condition]:
        """The filters, but for the text. Raises ``InvalidParameter``."""
        found = []
        if self.task is not None:
            found.append(Condition(_OF_MODEL.format("task"), (self.task,)))
        if self.model_name is not None:
            found.append(Condition(_OF_MODEL.format("name"), (self.model_name,)))
        if self.stage is not None:
            if self.stage not in STAGES:
                raise InvalidParameter(f"stage is one of {', '.join(STAGES)}.", field="stage")
            found.append(Condition("SELECT id FROM version WHERE stage = ?", (self.stage,)))
        if self.alias is not None:
            found.append(Condition("SELECT version_id FROM alias WHERE alias = ?", (self.alias,)))
        for field, operator in (("metric_gte", ">="), ("metric_lte", "<=")):
            for text in getattr(self, field):
                sql = f"SELECT version_id FROM metric WHERE key = ? AND value {operator} ?"
                found.append(Condition(sql, _number_pair(field, text)))
        for text in self.tags:
            found.append(Condition("SELECT version_id FROM tag WHERE key = ? AND value = ?", _pair("tag", text)))
        return list(dict.fromkeys(found))

    def match(self) -> str | None:
        """The full-text search, None if nothing is searched for. Empty: no version can have such words."""
        if self.text is None or not self.text.strip():
            return None
        words = dict.fromkeys(split_words(self.text))
        if len(words) > MAX_FILTERS:
            raise InvalidParameter(f"q holds more than {MAX_FILTERS} words.", field="q")
        return " AND ".join(f'"{word}"*' for word in words)

    def order(self) -> Order:
        """The order. Raises ``InvalidParameter``."""
        name = self.sort.removeprefix("-")
        descending = self.sort.startswith("-")
        if name == "name":
            return Order(_NAME_ORDER, descending)
        if name == "created_at":
            return Order(("created_at", *_NAME_ORDER), descending)
        metric = _BY_METRIC.fullmatch(name)
        if metric is not None:
            return Order(("value", *_NAME_ORDER), descending, metric[1])
        raise InvalidParameter(
            f"{printable(self.sort)!r} is no order; sort is name, created_at or metric:KEY, with - for descending.",
            field="sort",
        )

    def check(self) -> None:
        """The query makes sense. Raises ``InvalidParameter``."""
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidParameter(f"limit is from 1 to {MAX_LIMIT}.", field="limit")
        for field in ("task", "model_name", "alias", "stage", "sort", "text", "metric_gte", "metric_lte", "tags"):
            value = getattr(self, field)
            for text in (value,) if isinstance(value, str) else value or ():
                if not is_unicode(text):
                    raise InvalidParameter(f"{field} is no valid Unicode.", field=field)
        if len(self.conditions()) > MAX_FILTERS:
            raise InvalidParameter(f"There are more than {MAX_FILTERS} filters.", field="tag")
        self.order()
        self.match()
        if self.cursor is not None:
            self.after()

    def selection(self) -> str:
        """Names the versions that pass, in whatever order."""
        parts = (self.task, self.model_name, self.alias, self.stage, self.metric_gte, self.metric_lte, self.tags)
        return json.dumps([*parts, self.match(), self.order().metric])

    def fingerprint(self) -> str:
        """Names the filters and the order, so that a cursor is not used with others."""
        parts = (self.task, self.model_name, self.alias, self.stage, self.metric_gte, self.metric_lte)
        text = json.dumps([*parts, self.tags, self.text, self.sort])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def after(self) -> list[Any]:
        """The values of the last item before the cursor, one for each column of the order.

        Raises ``InvalidParameter``.
        """
        columns = self.order().columns
        cursor = self.cursor or ""
        made_for: object
        last: list[Any]
        try:
            made_for, *last = json.loads(base64.urlsafe_b64decode((cursor + "=" * (-len(cursor) % 4)).encode()))
        except (ValueError, TypeError, binascii.Error, RecursionError):
            made_for, last = None, []
        fits = len(last) == len(columns) and all(map(_fits, columns, last))
        if made_for != self.fingerprint() or not fits:
            raise InvalidParameter(
                "The cursor is not one that this query has given. Take it from a Link header, with the same filters.",
                field="cursor",
            )
        return last

    def cursor_after(self, last: Sequence[Any]) -> str:
        """The cursor of what follows the version with these values of the order's columns."""
        text = json.dumps([self.fingerprint(), *last])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _fits(column: str, value: object) -> bool:
    if column == "value":
        return isinstance(value, float) and math.isfinite(value)
    return isinstance(value, str) and is_unicode(value)


@dataclass(frozen=True)
class Condition:
    """A filter: SQL that selects the id of every version that passes."""

    ids: str
    values: tuple[Any, ...]


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
class Order:
    """Columns that together name one version; ``metric``: the first is this metric's value."""

    columns: tuple[str, ...]
    descending: bool
    metric: str | None = None

    def sql(self) -> str:
        direction = " DESC" if self.descending else ""
        return ", ".join(f"{self.column(name)}{direction}" for name in self.columns)

    def column(self, name: str) -> str:
        return f"m.{name}" if name == "value" else f"v.{name}"

    def after(self, last: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """What is true of those behind the version with these values."""
        columns = ", ".join(self.column(name) for name in self.columns)
        operator = "<" if self.descending else ">"
        return f"({columns}) {operator} ({', '.join('?' * len(last))})", last


@dataclass(frozen=True)
class Page:
    """Rows as flat objects, and the cursor of what follows."""

    items: list[dict[str, Any]]
    next: str | None


def shown_models(visible: Visible) -> str | None:
    """The models that may be seen, as the value that :data:`SHOWN` takes; None: all of them."""
    models = visible.models()
    return None if models is None else json.dumps(sorted(models), ensure_ascii=False)


def passing(connection: sqlite3.Connection, query: Query, shown: str | None) -> Selection | None:
    """The versions that pass the filters, and have the metric that they are sorted by. None: all pass.

    ``shown``: what :func:`shown_models` gives.
    """
    match, metric = query.match(), query.order().metric
    conditions = query.conditions()
    if shown is not None:
        conditions.append(Condition(f"SELECT id FROM version WHERE model_id IN ({SHOWN})", (shown,)))
    if metric is not None:
        conditions.append(Condition("SELECT version_id FROM metric WHERE key = ?", (metric,)))
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
) -> Iterable[tuple[Any, ...]]:
    """(id, values of the order's columns) of the versions behind the cursor, in order; the first ``wanted``."""
    order = query.order()
    tests: list[str] = []
    values: list[Any] = []
    source = "version v"
    if among is not None:
        source = "json_each(?) f CROSS JOIN version v ON v.id = f.value"
        values.append(json.dumps(list(among)))
    if order.metric is not None:
        joined = "metric m ON m.version_id = v.id AND m.key = ?"
        alone = "metric m CROSS JOIN version v ON v.id = m.version_id AND m.key = ?"
        source = alone if among is None else f"{source} CROSS JOIN {joined}"
        values.append(order.metric)
    if query.task is not None:
        # Other orders than by name are not to be walked by the index of names.
        tests.append("v.task = ?" if order.columns == _NAME_ORDER else "+v.task = ?")
        values.append(query.task)
    if query.cursor is not None:
        test, last = order.after(query.after())
        tests.append(test)
        values += last
    columns = ", ".join(order.column(name) for name in order.columns)
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


def _pair(field: str, text: str) -> tuple[str, str]:
    key, colon, value = text.rpartition(":") if field != "tag" else text.partition(":")
    if not colon or not key:
        raise InvalidParameter(f"{field} is written key:value, not {printable(text)!r}.", field=field)
    return key, value


def _number_pair(field: str, text: str) -> tuple[str, float]:
    key, value = _pair(field, text)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if number != number:
        raise InvalidParameter(f"{field} compares with a number, not {printable(value)!r}.", field=field)
    return key, number

"""Questions to the catalogue: filters, orders, and where a page begins. ``pages`` answers them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..vocabulary.errors import InvalidParameter
from ..vocabulary.facts import LOAD, LOADS
from ..vocabulary.filters import Filters, check_limit
from ..vocabulary.stages import STAGES
from ..vocabulary.texts import is_unicode, printable
from .search_words import split_words

MAX_FILTERS = 100  # and as many words
_BY_METRIC = re.compile(r"metric:(.+)", re.DOTALL)
NAME_ORDER = ("task", "model_name", "version_order", "version")
_OF_MODEL = "SELECT v.id FROM model o JOIN version v ON v.model_id = o.id WHERE o.{} = ?"

_REPEATED = ("metric_gte", "metric_lte", "tags", "fact")
# Of a version the last event that says it counts.
_OF_FACT = (
    "SELECT v.id FROM event e INDEXED BY event_load JOIN version v ON v.model_id = e.model_id AND v.version = e.version"
    " WHERE e.load = ? AND NOT EXISTS (SELECT 1 FROM event n INDEXED BY event_loads WHERE n.model_id = e.model_id"
    " AND n.version = e.version AND n.seq > e.seq AND n.load IS NOT NULL)"
)


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
            found.append(
                Condition("SELECT version_id FROM alias WHERE alias = ? AND version_id IS NOT NULL", (self.alias,))
            )
        for field, operator in (("metric_gte", ">="), ("metric_lte", "<=")):
            for text in getattr(self, field):
                found.append(self._by_metric(operator, *_number_pair(field, text)))
        for text in self.fact:
            found.append(Condition(_OF_FACT, (fact_of(text),)))
        for text in self.tags:
            found.append(Condition("SELECT version_id FROM tag WHERE key = ? AND value = ?", pair("tag", text)))
        return list(dict.fromkeys(found))

    def _by_metric(self, operator: str, key: str, number: float) -> Condition:
        if self.model_name is None:
            sql = f"SELECT version_id FROM metric INDEXED BY metric_value WHERE key = ? AND value {operator} ?"
            return Condition(sql, (key, number))
        of_task, tasks = ("", ()) if self.task is None else (" AND o.task = ?", (self.task,))
        sql = (
            "SELECT m.version_id FROM model o CROSS JOIN metric m INDEXED BY metric_model ON m.model_id = o.id"
            f" WHERE m.key = ? AND m.value {operator} ? AND o.name = ?{of_task}"
        )
        return Condition(sql, (key, number, self.model_name, *tasks))

    def match(self) -> str | None:
        """The full-text search, None if nothing is searched for. Empty: no version can have such words."""
        return match_of(self.text)

    def order(self) -> Order:
        """The order. Raises ``InvalidParameter``."""
        name = self.sort.removeprefix("-")
        descending = self.sort.startswith("-")
        if name == "name":
            return Order(NAME_ORDER, descending)
        if name == "created_at":
            return Order(("created_at", *NAME_ORDER), descending)
        metric = _BY_METRIC.fullmatch(name)
        if metric is not None:
            return Order(("value", *NAME_ORDER), descending, metric[1])
        raise InvalidParameter(
            f"{printable(self.sort)!r} is no order; sort is name, created_at or metric:KEY, with - for descending.",
            field="sort",
        )

    def check(self) -> None:
        """The query makes sense. Raises ``InvalidParameter``."""
        check_limit(self.limit)
        for field in ("task", "model_name", "alias", "stage", "sort", "text", *_REPEATED):
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
        return json.dumps([*parts, self.fact, self.match()])

    def fingerprint(self) -> str:
        """Names the filters and the order, so that a cursor is not used with others."""
        parts = (self.task, self.model_name, self.alias, self.stage, self.metric_gte, self.metric_lte)
        return fingerprint_of(*parts, self.tags, *self.fact, self.text, self.sort)

    def after(self) -> list[Any]:
        """The values of the last item before the cursor, one for each column of the order.

        Raises ``InvalidParameter``.
        """
        columns = self.order().columns
        last = read_cursor(self.cursor or "", self.fingerprint())
        if len(last) != len(columns) or not all(map(_fits, columns, last)):
            raise wrong_cursor()
        return last

    def cursor_after(self, last: Sequence[Any]) -> str:
        """The cursor of what follows the version with these values of the order's columns."""
        return make_cursor(self.fingerprint(), *last)


def _fits(column: str, value: object) -> bool:
    if column == "value":
        return value is None or (isinstance(value, float) and math.isfinite(value))
    return isinstance(value, str) and is_unicode(value)


@dataclass(frozen=True)
class Condition:
    """A filter: SQL that selects the id of every version that passes."""

    ids: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Order:
    """Columns that together name one version; ``metric``: the first is this metric's value.

    With ``lacks`` it is the order of those without the metric, which come last in either direction.
    """

    columns: tuple[str, ...]
    descending: bool
    metric: str | None = None
    lacks: bool = False

    def parts(self) -> tuple[Order, ...]:
        """The orders that follow each other."""
        if self.metric is None:
            return (self,)
        return self, Order(NAME_ORDER, self.descending, self.metric, lacks=True)

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


def match_of(text: str | None) -> str | None:
    """As :meth:`Query.match`. Raises ``InvalidParameter``."""
    if text is None or not text.strip():
        return None
    words = dict.fromkeys(split_words(text))
    if len(words) > MAX_FILTERS:
        raise InvalidParameter(f"q holds more than {MAX_FILTERS} words.", field="q")
    return " AND ".join(f'"{word}"*' for word in words)


def fingerprint_of(*asked: Any) -> str:
    """Names what is asked for, so that a cursor is not used with anything else."""
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def make_cursor(fingerprint: str, *last: Any) -> str:
    """The cursor of what follows these values."""
    text = json.dumps([fingerprint, *last])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, fingerprint: str, field: str = "cursor") -> list[Any]:
    """The values that the cursor was made of, whatever they are. Raises ``InvalidParameter`` where it is another's."""
    made_for: object
    last: list[Any]
    try:
        made_for, *last = json.loads(base64.urlsafe_b64decode((cursor + "=" * (-len(cursor) % 4)).encode()))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        made_for, last = None, []
    if made_for != fingerprint:
        raise wrong_cursor(field)
    return last


def wrong_cursor(field: str = "cursor") -> InvalidParameter:
    return InvalidParameter(
        f"The {field} is not one that this query has given. Take it from the page before, with the same filters.",
        field=field,
    )


def pair(field: str, text: str) -> tuple[str, str]:
    """(key, value) of a filter. Raises ``InvalidParameter``."""
    key, colon, value = text.rpartition(":") if field != "tag" else text.partition(":")
    if not colon or not key:
        raise InvalidParameter(f"{field} is written key:value, not {printable(text)!r}.", field=field)
    return key, value


def fact_of(text: str) -> str:
    """The value of the one fact that there is. Raises ``InvalidParameter``."""
    name, value = pair("fact", text)
    if name != LOAD or value not in LOADS:
        raise InvalidParameter(f"fact is {LOAD}:VALUE, the value one of {', '.join(LOADS)}.", field="fact")
    return value


def _number_pair(field: str, text: str) -> tuple[str, float]:
    key, value = pair(field, text)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if number != number:
        raise InvalidParameter(f"{field} compares with a number, not {printable(value)!r}.", field=field)
    return key, number

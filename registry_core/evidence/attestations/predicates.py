"""What our own predicates say: a review, and an evaluation. All else in them is kept and not read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ...vocabulary.finite import is_number
from ...vocabulary.texts import parse_time
from ..signing.not_counted import MALFORMED, NotCounted
from ..signing.statement import EVALUATION, REVIEW, Statement

MAX_METRICS = 1000
_MAX_NAME_CHARACTERS = 1000
# RFC 3339: what has no offset means another moment to everyone who reads it.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Decision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class Review:
    """What one person thinks of a version."""

    at: datetime
    decision: Decision
    comment: str | None


@dataclass(frozen=True)
class Dataset:
    """What was measured on; a part that is not said is None."""

    name: str | None = None
    digest: str | None = None
    split: str | None = None

    @property
    def key(self) -> tuple[str | None, str | None]:
        """Two that have it are one: the bytes, or else the name, and which part of it."""
        return self.digest or self.name, self.split


@dataclass(frozen=True)
class Measured:
    """One value. ``n``: of how many samples, as far as that is said."""

    name: str
    value: float
    n: int | None


@dataclass(frozen=True)
class Evaluation:
    """Values that were measured at one moment on one dataset; a name stands there once."""

    at: datetime
    dataset: Dataset
    metrics: tuple[Measured, ...]

    def metric(self, name: str) -> Measured | None:
        return next((one for one in self.metrics if one.name == name), None)


def said_in(statement: Statement) -> Review | Evaluation | None:
    """What the statement says, if it is one of ours that says when. Raises ``NotCounted`` (malformed)."""
    if statement.predicate_type == REVIEW:
        return _review(statement.predicate)
    return _evaluation(statement.predicate) if statement.predicate_type == EVALUATION else None


def _review(predicate: Mapping[str, Any]) -> Review:
    decision, comment = predicate.get("decision"), predicate.get("comment")
    if decision not in list(Decision):
        raise _malformed(f"decision is one of {', '.join(Decision)}")
    if comment is not None and not isinstance(comment, str):
        raise _malformed("comment is a text")
    return Review(_moment(predicate, "reviewed_at"), Decision(decision), comment)


def _evaluation(predicate: Mapping[str, Any]) -> Evaluation:
    when, dataset = _moment(predicate, "evaluated_at"), predicate.get("dataset", {})
    if not isinstance(dataset, dict):
        raise _malformed("dataset is an object")
    said = Dataset(*(_optional(dataset, name) for name in ("name", "digest", "split")))
    metrics = predicate.get("metrics")
    if not isinstance(metrics, list) or not 0 < len(metrics) <= MAX_METRICS:
        raise _malformed(f"metrics is a list of 1 to {MAX_METRICS}")
    found = tuple(map(_metric, metrics))
    if len({one.name for one in found}) != len(found):
        raise _malformed("a metric stands in it twice")
    return Evaluation(when, said, found)


def _metric(value: Any) -> Measured:
    if not isinstance(value, dict):
        raise _malformed("a metric is an object with name and value")
    name, number, n = value.get("name"), value.get("value"), value.get("n")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARACTERS:
        raise _malformed(f"a metric's name is a text of 1 to {_MAX_NAME_CHARACTERS} characters")
    if not is_number(number):
        raise _malformed("a metric's value is a finite number")
    if n is not None and (not isinstance(n, int) or isinstance(n, bool) or n < 0):
        raise _malformed("n is a whole number of samples")
    return Measured(name, float(number), n)


def _moment(predicate: Mapping[str, Any], name: str) -> datetime:
    text = predicate.get(name)
    moment = parse_time(text.upper()) if isinstance(text, str) and _MOMENT.fullmatch(text) else None
    if moment is None:
        raise _malformed(f"{name} is a moment as 2026-11-28T09:00:00Z")
    return moment


def _optional(value: Mapping[str, Any], name: str) -> str | None:
    text = value.get(name)
    if text is not None and (not isinstance(text, str) or len(text) > _MAX_NAME_CHARACTERS):
        raise _malformed(f"{name} is a text")
    return text or None


def _malformed(what: str) -> NotCounted:
    return NotCounted(MALFORMED, f"The predicate cannot be used: {what}.")

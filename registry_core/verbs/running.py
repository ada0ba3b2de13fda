"""Training runs: what is logged is checked here as a whole, before any of it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ..format import metadata
from ..format.runs import MAX_FILE_NAME_BYTES, encode_point, file_of
from ..models import owners
from ..models.model import ModelStore
from ..models.runs import Points, Run, ids
from ..packages.parallel import in_parallel
from ..vocabulary.errors import InvalidMetadata, InvalidParameter, RunNotFound
from ..vocabulary.filters import check_limit
from ..vocabulary.finite import is_number
from ..vocabulary.runs import ENDS, RUN_STATUSES, Logged, RunDetail, RunEnd, RunFacts, RunPage
from ..vocabulary.texts import (
    check_new_name,
    check_words,
    format_time,
    has_control,
    is_name,
    is_unicode,
    parse_time,
    printable,
)

MAX_KEY_CHARACTERS = 250
MAX_POINTS = 10_000  # of one call
MAX_KEYS = 1_000  # metrics of one call: each is a file that is synced
READ_AT_ONCE = 16  # runs, where each is some requests
_LARGEST_STEP = 2**63 - 1


@dataclass(frozen=True)
class Batch:
    """What one call logs. A point has ``key`` and ``value``, and may have ``step`` and ``timestamp``."""

    metrics: Sequence[Mapping[str, Any]] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)


# what is logged


def log(model: ModelStore, run_id: str, batch: Batch, actor: str | None) -> Logged:
    """The points, parameters and tags are kept, durably; the run begins with the first of them.

    Raises ``InvalidName``, ``InvalidParameter`` with nothing kept, ``StorageError`` where any part may be.
    """
    points = list(_points(batch.metrics))
    params, tags = _checked(batch.params, "params"), _checked(batch.tags, "tags")
    run = _writable(model, run_id, actor)
    run.begin(actor)
    if params:
        run.set_params(params)
    if tags:
        run.set_tags(tags)
    if points:
        run.append(points)
    return Logged(run_id, len(points), len(params), len(tags))


def end(model: ModelStore, run_id: str, status: str, actor: str | None) -> RunEnd:
    """The run has ended so. Raises ``InvalidName``, ``InvalidParameter``, ``StorageError``."""
    if status not in ENDS:
        raise InvalidParameter(f"status is one of {', '.join(ENDS)}.", field="status")
    run = _writable(model, run_id, actor)
    run.begin(actor)
    said = run.end(status)
    return RunEnd(run_id, status, said.get("started_at"), said.get("finished_at"))


def _writable(model: ModelStore, run_id: str, actor: str | None) -> Run:
    """A run that may be written to, new or not; one of older software may have any name."""
    check_words(actor, None)
    if not isinstance(run_id, str) or (not is_name(run_id, selector=True) and run_id not in ids(model)):
        check_new_name("run_id", run_id)
    model.storage.probe()
    model.storage.check_guarantees()
    model.changing()
    if owners.take(model):
        model.changing()
    return Run(model, run_id)


def _points(metrics: Any) -> Iterator[tuple[str, bytes]]:
    """(a metric's key, the line of a point of it)."""
    if not isinstance(metrics, Sequence) or isinstance(metrics, str):
        raise InvalidParameter("metrics is a list of points.", field="metrics")
    if len(metrics) > MAX_POINTS:
        raise InvalidParameter(f"There are {len(metrics)} points; a call takes {MAX_POINTS}.", field="metrics")
    now = format_time(datetime.now(UTC))
    keys = set()
    for point in metrics:
        if not isinstance(point, Mapping) or "key" not in point or "value" not in point:
            raise InvalidParameter("A point is an object with key and value.", field="metrics")
        key = _check_key(point["key"], "key")
        keys.add(key)
        if len(keys) > MAX_KEYS:
            raise InvalidParameter(f"There are points of more than {MAX_KEYS} metrics.", field="metrics")
        if len(file_of(key)) > MAX_FILE_NAME_BYTES:
            raise InvalidParameter(
                f"{printable(key)!r} is too long a key: as a file's name, percent-encoded, it has more than "
                f"{MAX_FILE_NAME_BYTES} bytes.",
                field="key",
            )
        step, when = point.get("step"), point.get("timestamp")
        yield (
            key,
            encode_point(
                key, _number(point["value"]), 0 if step is None else _step(step), now if when is None else _moment(when)
            ),
        )


def _check_key(key: Any, where: str) -> str:
    is_key = isinstance(key, str) and 0 < len(key) <= MAX_KEY_CHARACTERS and key not in (".", "..")
    if not is_key or has_control(key) or not is_unicode(key):
        raise InvalidParameter(
            f"A key is a text of 1 to {MAX_KEY_CHARACTERS} characters, without control characters.", field=where
        )
    return str(key)


def _number(value: Any) -> int | float:
    if not is_number(value):
        raise InvalidParameter("The value of a metric is a finite number.", field="value")
    return value


def _step(step: Any) -> int:
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    if not isinstance(step, int) or isinstance(step, bool) or abs(step) > _LARGEST_STEP:
        raise InvalidParameter("step is a whole number of at most 64 bits.", field="step")
    return step


def _moment(when: Any) -> str:
    found = parse_time(when)
    if isinstance(when, int | float) and not isinstance(when, bool):
        try:
            found = datetime.fromtimestamp(when, UTC)
        except (ValueError, OverflowError, OSError):
            found = None
    if found is None:
        raise InvalidParameter(
            "timestamp is a time of RFC 3339, for example 2026-11-24T09:30:00Z, or seconds since 1970.",
            field="timestamp",
        )
    return format_time(found)


def _checked(values: Any, what: str) -> dict[str, Any]:
    """Parameters or tags that can be kept and read back unchanged."""
    if not isinstance(values, Mapping):
        raise InvalidParameter(f"{what} is an object of keys and values.", field=what)
    for key in values:
        _check_key(key, what)
    try:
        return metadata.check(dict(values))
    except InvalidMetadata as error:
        raise InvalidParameter(f"{what}: {error.message}", field=what) from None


# what is told


def run(model: ModelStore, run_id: str, points: int | None) -> RunDetail:
    """The run with its curves, of each at most so many points; all where ``points`` is None. Raises ``RunNotFound``."""
    if points is not None and (not isinstance(points, int) or points < 2):
        raise InvalidParameter("points is a number, 2 or more.", field="points")
    if run_id not in ids(model):
        check_new_name("run_id", run_id)
        raise RunNotFound(f"{model.title} has no run {printable(run_id)!r}.", **model.names(), run_id=printable(run_id))
    detail = Run(model, run_id).detail()
    return detail if points is None else replace(detail, metric_history=thinned(detail.metric_history, points))


def thinned(history: Points, most: int) -> Points:
    """Of each metric at most so many points, evenly chosen, the first and the last among them."""
    return {
        key: points if len(points) <= most else [points[at * (len(points) - 1) // (most - 1)] for at in range(most)]
        for key, points in history.items()
    }


def runs(model: ModelStore, status: str | None, param: Sequence[str], limit: int | None, cursor: str | None) -> RunPage:
    """The model's runs that pass the filters, by their ids. Raises ``ModelNotFound``, ``InvalidParameter``."""
    if status is not None and status not in RUN_STATUSES:
        raise InvalidParameter(f"status is one of {', '.join(RUN_STATUSES)}.", field="status")
    if limit is not None:
        check_limit(limit)
    wanted = dict(_pair(text) for text in param)
    there = ids(model)
    if not there:
        model.require()
    following = [run_id for run_id in there if cursor is None or run_id > cursor]
    found: list[RunFacts] = []
    for facts in facts_of(model, following):
        if status in (None, facts.status) and all(_says(facts.params, *pair) for pair in wanted.items()):
            if len(found) == limit:
                return RunPage(found, found[-1].run_id)
            found.append(facts)
    return RunPage(found, None)


def facts_of(model: ModelStore, run_ids: Sequence[str]) -> Iterator[RunFacts]:
    """The runs without their curves, in that order; some are read ahead where each is some requests."""
    workers = 1 if model.storage.documents.looks_are_cheap() else READ_AT_ONCE
    for start in range(0, len(run_ids), READ_AT_ONCE):
        some = run_ids[start : start + READ_AT_ONCE]
        yield from in_parallel(lambda run_id: Run(model, run_id).facts(), some, workers)


def _pair(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not colon:
        raise InvalidParameter("param is key:value.", field="param")
    return key, value


def _says(params: Mapping[str, Any], key: str, value: str) -> bool:
    """Whether the parameter is that text, or written so as JSON."""
    if key not in params:
        return False
    found = params[key]
    return bool(found == value) if isinstance(found, str) else json.dumps(found, ensure_ascii=False) == value

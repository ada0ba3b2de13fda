"""What happened to a model, what each alias named on any day, and whether its journal holds."""

from __future__ import annotations

import shlex
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from registry_core import Event, InvalidParameter, JournalCorrupt, JournalProof, ModelRegistry, parse_time

from ..web.needs import Need
from ..web.root import current_registry
from . import naming, svg
from .blueprint import blueprint
from .changing import MODEL
from .gates import unasked
from .render import now, page

EVENTS, CARDS, REMOVED, MONTHS = 50, 12, 20, 24
FILTERS = ("alias", "version", "event", "actor", "since", "until", "q")
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@blueprint.get(f"{MODEL}/history", needs=Need.READ)
def history(task: str, model_name: str) -> Response | Redirect:
    """The events that are asked for, newest first, and what the aliases named at the end of a day.

    Raises ``ModelNotFound``, ``InvalidParameter``.
    """
    registry = current_registry()
    found = registry.summary(task, model_name)
    asked: dict[str, Any] = {name: text for name in FILTERS if (text := request.args.get(name, "").strip())}
    given: dict[str, Any] = {**asked, **_bounds(asked)}
    first = registry.history(task, model_name, since=_FIRST, order="asc", limit=1).events
    began = (parse_time(first[0].ts_utc) if first else None) or now()
    if "day" in request.args:  # of the slider: days since the first event
        as_of = began.date() + timedelta(days=_day(request.args["day"], began))
        return redirect(url_for("pages.history", task=task, model_name=model_name, as_of=as_of, **asked), 303)
    until = _end_of(request.args.get("as_of"), "as_of")
    events = registry.history(
        task, model_name, order="desc", limit=EVENTS, before=request.args.get("before") or None, **given
    )
    aliases = {one.alias: one for one in naming.in_order(found.aliases)}
    gone = registry.history(task, model_name, event="unalias", order="desc", limit=REMOVED).events
    names = list(dict.fromkeys([*aliases, *(one.alias for one in gone if one.alias is not None)]))
    moves = naming.moves_of(registry, task, model_name, names)
    rows = naming.rows(task, model_name, moves, now())
    start = naming.beginning(rows, now())
    then = [*aliases.values()][:CARDS]
    if until is not None:
        then = naming.named_at(registry, task, model_name, names[:CARDS], until)
    at = None if until is None else min(until, now()).timestamp()
    counted = _counted(registry, task, model_name)
    return page(
        "history.html",
        part="models",
        task=task,
        model_name=model_name,
        to=partial(url_for, task=task, model_name=model_name),
        asked=asked,
        months=[(month, list(of_it)) for month, of_it in groupby(events.events, key=month_of)],
        shown=events.events,
        following=events.next,
        is_first="before" not in request.args,
        warnings=events.warnings,
        unasked=unasked(registry, task, model_name, events.events),
        counted=counted,
        total=sum(counted.kinds.values()),
        names=names,
        then=then,
        as_of=None if until is None else (until - timedelta(microseconds=1)).date(),
        days=(now().date() - began.date()).days,
        day=None if until is None else max(0, ((until - timedelta(microseconds=1)).date() - began.date()).days),
        strip=lambda said: svg.strip(rows, said, start, now().timestamp(), at),
        proof=_proof(registry, task, model_name) if "proof" in request.args else None,
        json_address=url_for("aliases.history", task=task, model_name=model_name, order="desc", **asked),
        command=shlex.join(["omr", "history", task, model_name]),
        proving=shlex.join(["omr", "audit", "verify", task, model_name]),
    )


def month_of(event: Event) -> str:
    """As 2026-11; empty where nobody wrote down when it was."""
    return (event.ts_utc or "")[:7]


def _day(text: str, began: datetime) -> int:
    """How many days after the first event. Raises ``InvalidParameter``."""
    most = (now() - began).days + 1
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise InvalidParameter("day is a number of days since the first event.", field="day")
    return min(int(text), most)


def _bounds(asked: Mapping[str, Any]) -> dict[str, datetime]:
    """The days that are asked for as moments: both days are whole. Raises ``InvalidParameter``."""
    found = {}
    if "since" in asked:
        found["since"] = _moment(asked["since"], "since")
    until = _end_of(asked.get("until"), "until")
    return found if until is None else {**found, "until": until}


def _end_of(text: str | None, field: str) -> datetime | None:
    """The end of that day, or just after that moment. Raises ``InvalidParameter``."""
    if not text:
        return None
    try:
        return _moment(text, field) + (timedelta(days=1) if len(text) == 10 else timedelta(microseconds=1))
    except OverflowError:
        raise InvalidParameter(f"{field} is a day as 2026-11-30, or a moment in RFC 3339.", field=field) from None


def _moment(text: str, field: str) -> datetime:
    found = parse_time(text)
    if found is None:
        raise InvalidParameter(f"{field} is a day as 2026-11-30, or a moment in RFC 3339.", field=field)
    return found


@dataclass(frozen=True)
class Counted:
    """How many events there are: of each kind, and of the newest months, each with its first and last day."""

    kinds: dict[str, int]
    months: list[tuple[str, date, date, int]]


def _counted(registry: ModelRegistry, task: str, model_name: str) -> Counted:
    kinds: dict[str, int] = {}
    months: dict[str, int] = {}
    for month, event, count in registry.event_months(task, model_name):
        kinds[event] = kinds.get(event, 0) + count
        months[month] = months.get(month, 0) + count
    days = [(month, parse_time(f"{month}-01")) for month in [*months][:MONTHS]]
    return Counted(kinds, [(month, *_ends(first), months[month]) for month, first in days if first is not None])


def _ends(first: datetime) -> tuple[date, date]:
    return first.date(), first.date().replace(day=monthrange(first.year, first.month)[1])


@dataclass(frozen=True)
class Proof:
    """What reading the whole journal has shown: that it holds, or where it does not."""

    held: JournalProof | None
    broken: str | None


def _proof(registry: ModelRegistry, task: str, model_name: str) -> Proof:
    try:
        return Proof(registry.audit_verify(task, model_name), None)
    except JournalCorrupt as error:
        return Proof(None, error.message)

"""One model: what its aliases name and why, its metrics over versions, its versions, and how to get it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response, request, url_for

from registry_core import Event, ModelRegistry, ModelSummary

from ..web.needs import Need
from ..web.root import current_registry
from . import figures, naming, svg
from .blueprint import blueprint
from .changing import MODEL
from .gates import told, unasked
from .render import now, page

VERSIONS, EVENTS, COLUMNS, DELETED = 25, 9, 4, 10
SAID = 60  # of a metric's newest values, with where each leads
METRICS = {"metrics": {"accuracy": 0.95}}
TABS = 6  # of metrics; the others stand in a menu
CARDS = 6  # of aliases; the others are named in a line


@blueprint.get(MODEL, needs=Need.READ)
def model(task: str, model_name: str) -> Response:
    """The model, all of it from the index: what is shown costs what it shows. Raises ``ModelNotFound``."""
    registry = current_registry()
    found = registry.summary(task, model_name)
    keys = registry.metric_keys(task, model_name)
    metric = request.args.get("metric") or found.metric or next(iter(keys), None)
    columns = tuple(dict.fromkeys(([metric] if metric else []) + [*keys]))[:COLUMNS]
    cursor = request.args.get("cursor")
    versions = registry.list_versions(task, model_name, metrics=columns, limit=VERSIONS, cursor=cursor)
    past = registry.history(task, model_name, order="desc", limit=EVENTS)
    newest = past.events
    aliases = naming.in_order(found.aliases)
    moves = naming.moves_of(registry, task, model_name, [one.alias for one in aliases])
    last = {one.alias: one.events[0] for one in moves if one.events}
    production = next((one for one in aliases if one.alias == naming.PRODUCTION), None)
    named = moves[0] if production is not None else None
    rows = naming.rows(task, model_name, moves, now())
    chart = _chart(registry, found, metric, named)
    selector = next((one.alias for one in aliases if one.alias in naming.FIRST), None) or _newest(found)
    return page(
        "model.html",
        part="models",
        task=task,
        model_name=model_name,
        to=partial(url_for, task=task, model_name=model_name),
        found=found,
        production=production,
        before=None if named is None else named.before,
        others=[one for one in aliases if one is not production],
        cards=CARDS,
        keys=keys if metric is None or metric in keys[:TABS] else tuple(dict.fromkeys((metric, *keys))),
        tabs=TABS,
        metric=metric,
        columns=columns,
        chart=chart,
        rows=rows,
        strip=lambda said: svg.strip(rows, said, naming.beginning(rows, now()), now().timestamp()),
        versions=versions,
        is_first=cursor is None,
        newest=newest,
        warnings=past.warnings,
        gates=told(registry, task, model_name, {one.alias: one.seq for one in aliases[: len(moves)]}, last.get),
        names={one.alias: one.version for one in aliases},
        unasked=unasked(registry, task, model_name, newest),
        events=newest[0].seq if newest else 0,
        deleted=_deleted(registry, task, model_name),
        ways=_ways(task, model_name, selector),
        measured=f"client.push(directory, {task!r}, {model_name!r}, version, metadata={METRICS})",
        json_address=url_for("catalogue.models", task=task, model_name=model_name, sort="-created_at", limit=VERSIONS),
        command=shlex.join(["omr", "aliases", task, model_name]),
    )


def _ways(task: str, model_name: str, selector: str | None) -> list[tuple[str, str]]:
    """(by what, what is typed) to get the version that the selector names; safe to paste, whatever names there are."""
    if selector is None:
        return []
    here, ref, to = request.url_root.rstrip("/"), f"{model_name}@{selector}", f"./{model_name}"
    archive = url_for("files.archive", task=task, model_name=model_name, selector=selector, _external=True)
    hub = shlex.quote(f"{here}/hf")
    return [
        ("omr", shlex.join(["omr", "--url", here, "pull", task, ref, to])),
        ("Python", f"RegistryClient({here!r}).pull({task!r}, {ref!r}, {to!r})"),
        ("hf", f"HF_ENDPOINT={hub} {shlex.join(['hf', 'download', f'{task}/{model_name}', '--revision', selector])}"),
        ("curl", f"{shlex.join(['curl', '-fsS', archive])} | tar -x"),
    ]


def _newest(found: ModelSummary) -> str | None:
    return None if found.newest is None else found.newest.version


@dataclass(frozen=True)
class Chart:
    """A metric over the newest versions that have it. ``base`` is that of the version in production."""

    metric: str
    points: list[svg.Point]
    first: svg.Point
    last: svg.Point
    lowest: svg.Point
    highest: svg.Point
    base: float | None

    def drawn(self, sentence: str, note: str) -> str:
        return svg.curve([self.points], sentence, note)


def _chart(
    registry: ModelRegistry, found: ModelSummary, metric: str | None, named: naming.Moves | None
) -> Chart | None:
    if metric is None:
        return None
    values = registry.metric_values(found.task, found.model_name, metric)
    if not values:
        return None
    now_in = next((one.version for one in found.aliases if one.alias == naming.PRODUCTION), None)
    was_in = set() if named is None else named.versions
    points = []
    for n, (version, created_at, value) in enumerate(values):
        mark = "now" if version == now_in else "was" if version in was_in else ""
        said: dict[str, Any] = {}
        if mark or n >= len(values) - SAID:  # what is said of each costs more than what is drawn
            said["words"] = f"{version} · {figures.number(value)} · {figures.when(created_at)}"
            said["href"] = naming.address(found.task, found.model_name, version)
        points.append(svg.Point(value, version, mark=mark, **said))
    return Chart(
        metric,
        points,
        points[0],
        points[-1],
        min(points, key=_value),
        max(points, key=_value),
        next((one.value for one in points if one.mark == "now"), None),
    )


def _value(point: svg.Point) -> float:
    return point.value or 0.0


@dataclass(frozen=True)
class Deleted:
    """How many versions are deleted now, and the last of the events that did it."""

    count: int
    newest: list[Event]


def _deleted(registry: ModelRegistry, task: str, model_name: str) -> Deleted:
    counted: dict[str, int] = {}
    for _, kind, count in registry.event_months(task, model_name):
        counted[kind] = counted.get(kind, 0) + count
    many = max(0, counted.get("delete", 0) - counted.get("restore", 0))
    if not many:
        return Deleted(0, [])
    asked: dict[str, Any] = {"order": "desc", "limit": 5 * DELETED}
    came_back: dict[str | None, int] = {}
    for event in registry.history(task, model_name, event="restore", **asked).events:
        came_back.setdefault(event.version, event.seq)
    gone: dict[str | None, Event] = {}
    for event in registry.history(task, model_name, event="delete", **asked).events:
        if event.seq > came_back.get(event.version, 0):
            gone.setdefault(event.version, event)
    return Deleted(many, [*gone.values()][:DELETED])

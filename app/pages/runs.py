"""Training runs of a model: how each stands, what it was given and came to, its curves, and what came of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response, request, url_for

from registry_core import RUN_STATUSES, ModelNotFound, ModelRegistry, RunDetail, RunFacts, RunNotFound

from ..web.needs import Need
from ..web.root import current_registry
from . import figures, svg
from .blueprint import blueprint
from .render import page

RUNS, CURVES, COLUMNS, POINTS = 25, 5, 4, 150
_OF_PARAM = "param"


@blueprint.get("/runs/<task>/<model_name>", needs=Need.READ)
def runs(task: str, model_name: str) -> Response:
    """The model's runs by their ids, and the curves of those that are chosen. Raises ``InvalidParameter``."""
    registry = current_registry()
    status = request.args.get("status") or None
    params = tuple(text for one in request.args.getlist(_OF_PARAM) if (text := one.strip()))
    cursor = request.args.get("cursor") or None
    found = registry.runs(task, model_name, status=status, param=params, limit=RUNS, cursor=cursor)
    chosen = [_run(registry, task, model_name, run_id) for run_id in request.args.getlist("run")[:CURVES]]
    details = [one for one in chosen if one is not None]
    metrics = list(dict.fromkeys(key for one in details for key in one.metric_history))
    metric = request.args.get("metric")
    shown = [metric] if metric in metrics else metrics[:1]
    asked: dict[str, Any] = {"status": status, _OF_PARAM: list(params)}
    asked = {name: value for name, value in asked.items() if value}
    return page(
        "runs.html",
        part="models",
        task=task,
        model_name=model_name,
        to=partial(url_for, task=task, model_name=model_name),
        statuses=RUN_STATUSES,
        chosen_status=status,
        params=params,
        asked=asked,
        found=found,
        is_first=cursor is None,
        param_keys=_first_keys(found.items, "params"),
        metric_keys=_first_keys(found.items, "metrics_summary"),
        versions=_versions(registry, task, model_name, found.items),
        chosen=[one.run_id for one in details],
        metrics=metrics,
        chart=_chart(details, shown[0]) if shown else None,
        json_address=url_for("runs.list_runs", task=task, model_name=model_name, **asked),
        logging=f"client.log_metric({task!r}, {model_name!r}, 'run-1', 'loss', 0.5, step=1)",
        command=shlex.join(["omr", "runs", "list", task, model_name]),
    )


def _first_keys(items: list[RunFacts], of: str) -> list[str]:
    """The keys that most of the runs have, in the order in which they come."""
    counted: dict[str, int] = {}
    for one in items:
        for key in getattr(one, of) or {}:
            counted[key] = counted.get(key, 0) + 1
    return sorted(counted, key=lambda key: -counted[key])[:COLUMNS]


def _run(registry: ModelRegistry, task: str, model_name: str, run_id: str) -> RunDetail | None:
    try:
        return registry.run(task, model_name, run_id, points=POINTS)
    except RunNotFound:
        return None


def _versions(registry: ModelRegistry, task: str, model_name: str, items: list[RunFacts]) -> dict[str, list[str]]:
    """run -> the versions that say they came of it."""
    try:
        return registry.versions_of_runs(task, model_name, [one.run_id for one in items])
    except ModelNotFound:
        return {}  # a model that has runs alone


@dataclass(frozen=True)
class Curves:
    """A metric of some runs. ``runs``: of each its id and what it ended with."""

    metric: str
    runs: list[tuple[str, str]]
    lines: list[list[svg.Point]]

    def drawn(self, sentence: str) -> str:
        return svg.curve(self.lines, sentence)


def _chart(details: list[RunDetail], metric: str) -> Curves:
    lines, said = [], []
    for one in details:
        points = one.metric_history.get(metric, [])
        lines.append([_point(one.run_id, point, n) for n, point in enumerate(points)])
        said.append((one.run_id, figures.number(points[-1].get("value")) if points else ""))
    return Curves(metric, said, lines)


def _point(run_id: str, point: Any, n: int) -> svg.Point:
    value, step = point.get("value"), point.get("step")
    at = step if figures.is_number(step) else n
    label = f"{at}"
    words = f"{run_id} · {label} · {figures.number(value)}"
    return svg.Point(float(value) if figures.is_number(value) else None, label, words, x=float(at))

"""Training runs: what is logged while one goes on, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

from .answers import Value

RUNNING = "running"
ENDS = ("finished", "failed", "killed")
RUN_STATUSES = (RUNNING, *ENDS)


@dataclass(frozen=True)
class Logged(Value):
    """What was logged, durably."""

    run_id: str
    metrics: Annotated[int, "How many points."]
    params: Annotated[int, "How many parameters."]
    tags: Annotated[int, "How many tags."]


@dataclass(frozen=True)
class RunEnd(Value):
    """A run that has ended."""

    run_id: str
    status: str
    started_at: str | None
    finished_at: str | None


@dataclass(frozen=True)
class RunFacts(Value):
    """A training run, without its curves."""

    task: str
    model_name: str
    run_id: str
    status: Annotated[str, "running, finished, failed or killed."]
    started_at: Annotated[str | None, "When something of it was logged first; null of older software's."]
    finished_at: str | None
    actor: str | None
    params: dict[str, Any]
    tags: dict[str, Any]
    metrics_summary: Annotated[dict[str, Any], "Metric -> its last value."]


@dataclass(frozen=True)
class Metrics(Value):
    """What a version achieved, and how its training run went. ``warnings``: what of it could not be read."""

    version: str
    version_metrics: dict[str, Any]
    run_history: Annotated[
        dict[str, list[Mapping[str, Any]]],
        "Metric -> the points (step, value, timestamp) of the run that the version names by run_id.",
    ]
    runs: Annotated[list[RunFacts], "The runs of its model, without their curves; the first 100 by their ids."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunDetail(RunFacts):
    """A training run with its curves. ``warnings``: what of them could not be read."""

    metric_history: Annotated[dict[str, list[Mapping[str, Any]]], "Metric -> its points (value, step, ts_utc)."]
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As of every value; but the points, of which there may be many, are not copied."""
        return {part.name: getattr(self, part.name) for part in fields(self)}


@dataclass(frozen=True)
class RunPage(Value):
    """Runs of one model, by their ids."""

    items: list[RunFacts]
    next: Annotated[str | None, "The cursor of the next page, null at the end."]

"""What lists of models tell of each, and what there is to filter them by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from .answers import Alias, Value


@dataclass(frozen=True)
class NewestVersion(Value):
    """The version of a model that was made last."""

    version: str
    created_at: str | None
    metrics: Annotated[dict[str, Any], "Its numbers, by their keys; at most 100."]


@dataclass(frozen=True)
class ModelSummary(Value):
    """One model at a glance."""

    task: str
    model_name: str
    description: Annotated[str | None, "What its newest version says of itself now."]
    versions: Annotated[int, "How many it has."]
    bytes: Annotated[int, "Of all files of all its versions."]
    newest: Annotated[NewestVersion | None, "null where all versions are deleted."]
    aliases: Annotated[list[Alias], "Sorted by name; at most 100, the stages and latest among them."]
    changed_at: Annotated[str | None, "When the newest version was made, or the last event, whichever is later."]
    metric: Annotated[str | None, "The first key of the newest version's metrics."]
    metric_points: Annotated[list[Any], "Its values in the versions that have it, oldest first; the newest 20."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SummaryPage(Value):
    """Models, at a glance."""

    items: list[ModelSummary]
    next: Annotated[str | None, "The cursor of the models that follow, null at the end."]
    total: Annotated[int, "How many models pass the filters."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Facets(Value):
    """What models can be filtered by, each with how many models there are: all tasks, and of the aliases and the tags
    of newest versions (as ``key:value``) the 30 that most have."""

    tasks: dict[str, int]
    aliases: dict[str, int]
    tags: dict[str, int]


@dataclass(frozen=True)
class VersionRow(Value):
    """One version in the list of its model."""

    version: str
    created_at: str | None
    actor: Annotated[str | None, "Who registered it."]
    reason: str | None
    stage: str
    size_bytes: Annotated[int, "Of all its files."]
    aliases: Annotated[list[str], "Those that name it, sorted."]
    metrics: Annotated[dict[str, float], "Of the keys that were asked for those that it has."]


@dataclass(frozen=True)
class VersionPage(Value):
    """Versions of one model, the last made first."""

    items: list[VersionRow]
    next: Annotated[str | None, "The cursor of the versions that follow, null at the end."]
    warnings: list[str] = field(default_factory=list)

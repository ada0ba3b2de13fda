"""From what a version was made, and what its run logged: picked out of its metadata, in the order that people ask."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from registry_core import Description, Lineage, Relative, RunDetail

from . import figures, svg

MOST_FACTS, LONGEST_FACT = 24, 200
MOST_PARAMS, MOST_METRICS, MOST_CURVES = 100, 100, 8
MOST_POINTS = 150  # of all lines of a drawing
MOST_TOLD = 3  # drawings that say each point to whoever points at it; it takes room

FIRST = ("dataset", "run_id", "git_commit", "code", "image", "framework", "parent_version")
_OURS = {"task", "model_name", "version", "created_at", "tags", "stage", "description", "metrics", "lineage"}
_PARAMS = ("params", "hyperparameters")


@dataclass(frozen=True)
class Fact:
    """``key`` as the metadata has it; ``text`` is the value in at most :data:`LONGEST_FACT` characters."""

    key: str
    text: str


def facts(meta: Mapping[str, Any]) -> list[Fact]:
    """What the metadata says beside what a page shows elsewhere, what everybody looks for first."""
    lineage = meta.get("lineage")
    said = {**meta, **(lineage if isinstance(lineage, Mapping) else {})}
    keys = [key for key in said if key not in _OURS and key not in _PARAMS and said[key] not in (None, "", {}, [])]
    keys.sort(key=lambda key: FIRST.index(key) if key in FIRST else len(FIRST))
    return [Fact(key, text_of(said[key])) for key in keys[:MOST_FACTS]]


def text_of(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_FACT else text[: LONGEST_FACT - 1] + "…"


def metrics(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the metadata."""
    lineage = meta.get("lineage")
    found: dict[str, Any] = {}
    for place in (lineage.get("metrics") if isinstance(lineage, Mapping) else None, meta.get("metrics")):
        found |= place if isinstance(place, Mapping) else {}
    return found


def run_of(meta: Mapping[str, Any]) -> str | None:
    """The run that the version names."""
    named = _said(meta, "run_id")
    return named if isinstance(named, str) and named else None


def params(meta: Mapping[str, Any], run: RunDetail | None) -> list[tuple[str, str]]:
    """(parameter, value) of its run and of its metadata, whose words count."""
    found = dict(run.params) if run is not None else {}
    for key in _PARAMS:
        said = meta.get(key)
        found |= said if isinstance(said, Mapping) else {}
    return [(key, text_of(found[key])) for key in sorted(found)[:MOST_PARAMS]]


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """(key, value) of all that are no mappings, nested keys with dots between."""
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value if isinstance(value, int | float | str) else text_of(value)))
    return found[:MOST_METRICS]


@dataclass(frozen=True)
class Curve:
    """One metric of one run, or of several: a line for each, None where it has none."""

    key: str
    lines: tuple[tuple[svg.Point, ...], ...]

    def drawn(self, sentence: str) -> Markup:
        return svg.curve(self.lines, sentence, dots=False)

    @property
    def lasts(self) -> list[float | None]:
        """The last value of each line."""
        return [next((one.value for one in reversed(line) if one.value is not None), None) for line in self.lines]

    @property
    def ends(self) -> list[tuple[float, float, float, float, int]]:
        """(first, last, lowest, highest, points) of each line that has any."""
        values = [[one.value for one in line if one.value is not None] for line in self.lines]
        return [(line[0], line[-1], min(line), max(line), len(line)) for line in values if line]


def curves(runs: Sequence[tuple[str, RunDetail | None]]) -> list[Curve]:
    """The curves of the runs, each named, by the keys of their metrics."""
    keys = sorted({key for _, run in runs if run is not None for key in run.metric_history})
    says = len(keys) <= MOST_TOLD
    return [Curve(key, tuple(_line(name, run, key, says) for name, run in runs)) for key in keys[:MOST_CURVES]]


def _line(name: str, run: RunDetail | None, key: str, says: bool) -> tuple[svg.Point, ...]:
    points = [] if run is None else run.metric_history.get(key, [])
    return tuple(_point(name, place, point, says) for place, point in enumerate(points[-MOST_POINTS:]))


def _point(name: str, place: int, point: Mapping[str, Any], says: bool) -> svg.Point:
    step, value = point.get("step"), point.get("value")
    at = float(step) if figures.is_number(step) else float(place)
    words = f"{name} · {at:g}: {figures.number(value)}".removeprefix(" · ") if says else ""
    return svg.Point(float(value) if figures.is_number(value) else None, f"{at:g}", words, x=at)


_THINGS = ("dataset", "git_commit", "code_commit", "code", "image")


def boxes(
    shown: Description,
    found: Lineage,
    grandparents: Mapping[str, Sequence[Relative]],
    words: Mapping[str, str],
    to: Callable[..., str],
) -> tuple[list[svg.Box], list[tuple[str, str]]]:
    """What the version came from, from left to right, and what came of it; and from which of them to which.

    ``grandparents``: of each parent what that came from. ``words``: what each kind of thing is called.
    """
    made: list[svg.Box] = []
    lines: list[tuple[str, str]] = []

    def add(one: Relative, column: int, line: tuple[str, str]) -> None:
        said = (one.created_at or "")[:10] or words["version" if one.is_there else "gone"]
        href = to(version=one.version, tab="lineage") if one.is_there else None
        made.append(svg.Box(f"v {one.version}", column, one.version, said, href))
        lines.append(line)

    now = f"v {shown.version}"
    for parent in found.parents:
        for old in grandparents.get(parent.version, ()):
            add(old, 0, (f"v {old.version}", f"v {parent.version}"))
        add(parent, 1, (f"v {parent.version}", now))
    if found.run_id is not None:
        made.append(svg.Box("run", 1, found.run_id, words["run_id"], None, "thing"))
        lines.append(("run", now))
    for key in _THINGS:
        if value := found.provenance.get(key):
            made.append(svg.Box(key, 0, text_of(value), words[key], None, "thing"))
            lines.append((key, now if found.run_id is None else "run"))
    made.append(svg.Box(now, 2, shown.version, ", ".join(shown.aliases[:3]), None, "now"))
    for child in found.children:
        add(child, 3, (now, f"v {child.version}"))
    return made, lines


def _said(meta: Mapping[str, Any], key: str) -> Any:
    lineage = meta.get("lineage")
    found = lineage.get(key) if isinstance(lineage, Mapping) else None
    return found if found is not None else meta.get(key)

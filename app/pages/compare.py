"""Versions side by side: what differs, which is better, how their runs went, and how a file of two of them reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Response, request, url_for

from registry_core import Comparison, FileDiff, ModelRegistry, RegistryError, RunDetail

from ..web.gate import may_be_large
from ..web.needs import Need
from ..web.root import current_registry
from . import figures, grades, proving
from .blueprint import blueprint
from .previews import is_read, written_out
from .provenance import MOST_POINTS, curves, flat, text_of
from .render import page

FEWEST, MOST = 2, 5
MOST_ROWS = 60  # of a table
MOST_ELEMENTS = 800  # of all tables
MOST_OFFERED = 50  # versions to choose from
MOST_DIFF = 16 * 1024  # characters of a text's difference
MOST_DIFF_LINES = 400
MOST_TEXT_BYTES = 1024 * 1024
SECTIONS = ("params", "provenance", "tags")


@blueprint.get("/models/<task>/<model_name>/compare", needs=Need.READ)
@may_be_large
def compare(task: str, model_name: str) -> Response:
    """The versions of the address; with fewer than two what there is to choose from. An alias is what it names."""
    registry = current_registry()
    found = registry.summary(task, model_name)
    named = {one.alias: one.version for one in found.aliases}
    asked = list(dict.fromkeys(named.get(one, one) for one in request.args.getlist("v")))
    offered = registry.list_versions(task, model_name, limit=MOST_OFFERED).items
    said: dict[str, Any] = {
        "part": "models",
        "task": task,
        "model_name": model_name,
        "offered": offered,
        "total": found.versions,
        "to": partial(url_for, "pages.compare", task=task, model_name=model_name),
    }
    if len(asked) < FEWEST:
        return page("compare_choose.html", **said, asked=asked)
    versions, shows_all = asked[:MOST], request.args.get("all") is not None
    compared = registry.compare(task, model_name, versions)
    file, other = request.args.get("file"), request.args.get("with")
    if other not in versions[1:]:
        other = versions[-1]
    return page(
        "compare.html",
        **said,
        versions=versions,
        is_cut=len(asked) > MOST,
        shows_all=shows_all,
        compared=compared,
        aliases={version: [alias for alias, of in named.items() if of == version] for version in versions},
        **_within_bounds(
            len(versions),
            {
                "metrics": metric_rows(compared, versions, shows_all),
                **{name: _rows(compared, versions, name, shows_all) for name in SECTIONS},
                "files": file_rows(compared, versions, shows_all),
            },
        ),
        curves=curves(_runs(registry, task, model_name, compared, versions)),
        file=file,
        other=other,
        changed=None if file is None else _changed(registry, task, model_name, [versions[0], other], file),
        json_address=url_for("registry.compare", task=task, model=model_name, versions=versions),
        command=proving.compared(task, model_name, versions),
    )


def _within_bounds(versions: int, tables: Mapping[str, Rows]) -> dict[str, Any]:
    """The tables with as many rows as a page has room for, of the long ones the same number each."""
    of_row = 3 * versions + 2
    most = MOST_ROWS
    while sum(min(most, len(one.rows)) for one in tables.values()) * of_row > MOST_ELEMENTS:
        most -= 1
    return {
        name: replace(one, rows=one.rows[:most], more=one.more + len(one.rows[most:])) for name, one in tables.items()
    }


@dataclass(frozen=True)
class Cell:
    """What one version has. ``difference`` and ``is_better`` are against the first; None where nobody tells."""

    text: str
    difference: str = ""
    is_better: bool | None = None
    is_best: bool = False
    is_other: bool = False  # than that of the first version


@dataclass(frozen=True)
class Row:
    """One key and what each version has of it."""

    key: str
    cells: tuple[Cell, ...]
    is_lower_better: bool = False


@dataclass(frozen=True)
class Rows:
    """``more`` are left out for want of room, ``same`` because all versions have the same."""

    rows: tuple[Any, ...]  # Row or FileRow
    more: int
    same: int


def metric_rows(compared: Comparison, versions: Sequence[str], shows_all: bool) -> Rows:
    """Every metric in which the versions differ, in the order of the first version's."""
    sides = [dict(flat(compared.versions[version].metrics)) for version in versions]
    return _table(sides, shows_all, _metric_row)


def _metric_row(key: str, values: list[Any]) -> Row:
    lower = grades.is_lower_better(key)
    grade = [value for value in values if grades.is_grade(value)]
    best = (min if lower else max)(grade) if len(set(grade)) > 1 else None
    cells = []
    for value in values:
        difference = figures.difference(value, values[0])
        is_better = None
        if difference not in ("", "0") and (grades.is_grade(value) or grades.is_grade(values[0])):
            is_better = (value < values[0]) == lower
        is_best = best is not None and grades.is_grade(value) and value == best
        cells.append(Cell(figures.number(value), difference, is_better, is_best))
    return Row(key, tuple(cells), lower)


def _rows(compared: Comparison, versions: Sequence[str], section: str, shows_all: bool) -> Rows:
    return _table([getattr(compared.versions[version], section) for version in versions], shows_all, _row)


def _row(key: str, values: list[Any]) -> Row:
    texts = ["" if value is None else text_of(value) for value in values]
    return Row(key, tuple(Cell(text, is_other=value != values[0]) for text, value in zip(texts, values, strict=True)))


def _table(sides: Sequence[Mapping[str, Any]], shows_all: bool, row: Callable[[str, list[Any]], Row]) -> Rows:
    keys = list(dict.fromkeys(key for side in sides for key in side))
    differing = [key for key in keys if any(side.get(key) != sides[0].get(key) for side in sides)]
    shown = keys if shows_all else differing
    rows = tuple(row(key, [side.get(key) for side in sides]) for key in shown[:MOST_ROWS])
    return Rows(rows, len(shown) - len(rows), 0 if shows_all else len(keys) - len(differing))


@dataclass(frozen=True)
class FileRow:
    """A file by its path: ``change`` is added, removed, changed or same, from the first version to the others."""

    path: str
    change: str
    sizes: tuple[int | None, ...]
    is_text: bool


def file_rows(compared: Comparison, versions: Sequence[str], shows_all: bool) -> Rows:
    """Every file in which the versions differ, by path; the metadata differs always, if only in the version's name."""
    sides = [compared.versions[version] for version in versions]
    paths = sorted({path for side in sides for path in side.files})
    changes = {path: _change([side.files.get(path, _NOT_THERE) for side in sides]) for path in paths}
    differing = [path for path in paths if changes[path] != "same"]
    shown = paths if shows_all else differing
    rows = []
    for path in shown[:MOST_ROWS]:
        sizes = tuple(side.sizes.get(path) for side in sides)
        is_text = is_read(path) and all(size is None or size <= MOST_TEXT_BYTES for size in sizes)
        rows.append(FileRow(path, changes[path], sizes, is_text and changes[path] != "same"))
    return Rows(tuple(rows), len(shown) - len(rows), 0 if shows_all else len(paths) - len(differing))


_NOT_THERE = object()


def _change(digests: Sequence[object]) -> str:
    if digests[0] is _NOT_THERE:
        return "added"
    if any(one is _NOT_THERE for one in digests):
        return "removed"
    return "same" if all(one == digests[0] for one in digests) else "changed"


def _runs(
    registry: ModelRegistry, task: str, model_name: str, compared: Comparison, versions: Sequence[str]
) -> list[tuple[str, RunDetail | None]]:
    """The run of each version, as far as there is one."""
    found: list[tuple[str, RunDetail | None]] = []
    for version in versions:
        run_id = compared.versions[version].provenance.get("run_id")
        try:
            most = MOST_POINTS // len(versions)
            run = registry.run(task, model_name, run_id, points=most) if isinstance(run_id, str) else None
        except RegistryError:
            run = None
        found.append((version, run))
    return found


@dataclass(frozen=True)
class Changed:
    """How the text of a file differs: (kind, lines) one after the other, kind being add, del, at or none of them."""

    kind: str
    parts: tuple[tuple[str, str], ...] = ()
    is_cut: bool = False


def _changed(registry: ModelRegistry, task: str, model_name: str, two: list[str], file: str) -> Changed | None:
    """None where neither version has the file, or the caller may not have its bytes."""
    try:
        found = registry.compare(task, model_name, two, path=file).file
    except RegistryError:
        return None
    return None if found is None else changed(found)


def changed(found: FileDiff) -> Changed:
    """The difference in parts of one kind each, within bounds."""
    # A line ends where the file's does: what else ends one for Python would pass for a line that is not there.
    lines = [written_out(line) for line in found.diff[:MOST_DIFF].removesuffix("\n").split("\n")]
    shown = lines[2 : MOST_DIFF_LINES + 2]  # the first two name the file
    parts: list[tuple[str, list[str]]] = []
    for line in shown:
        kind = {"+": "add", "-": "del", "@": "at"}.get(line[:1], "")
        if not parts or parts[-1][0] != kind:
            parts.append((kind, []))
        parts[-1][1].append(line)
    is_cut = found.is_cut or len(found.diff) > MOST_DIFF or len(shown) < len(lines) - 2
    return Changed(found.kind, tuple((kind, "\n".join(of_it) + "\n") for kind, of_it in parts), is_cut)

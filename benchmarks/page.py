"""``docs/performance.md`` and its plots out of the JSON of a run, or of two. Nothing is measured.

``python -m benchmarks.page RESULT.json ... [--before OLDER.json] [--docs docs]``: of several the first says what was
measured where, and the parts of all follow each other.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from . import plots
from .results import Result, Section, result_of
from .tables import FLAT_MOST, Growth, Line, Row, Table, number, verdict

PLOTS = "performance"  # the directory beside the page
BARS_LEAST = 2  # rows with a target, from which on a drawing says more than the table

HEADINGS = {
    "growth": "What a verb costs as the past grows",
    "clients": "Many clients at once",
    "bytes": "Register and verify of large files",
    "small-files": "Many small files over HTTP",
    "requests": "What a request costs the server",
    "access": "What it costs to know who calls",
    "evidence": "What evidence costs",
    "omr": "What a command costs",
    "catalogue": "The catalogue",
    "web": "Pages for persons",
    "downloads": "Downloads",
    "uploads": "Uploads",
    "memory": "Memory",
    "health": "While others do their worst",
    "store": "On a real object store",
    "peers": "Beside another registry",
}


def page(result: Result, before: Result | None = None) -> dict[str, str]:
    """The files below ``docs/``: path -> text. With ``before`` each value has the older one beside it."""
    files: dict[str, str] = {}
    text = [*_head(result, before)]
    for section in result.sections:
        text += ["", f"## {HEADINGS.get(section.name, section.name)}"]
        for table in section.tables:
            old = before.table(section.name, table.title) if before else None
            name = f"{PLOTS}/{_slug(f'{section.name} {table.title}')}.svg"
            if plot := _plot(table, old):
                files[name] = plot
            text += ["", *_table(table, old, name if plot else None, judge=not result.is_quick)]
    files["performance.md"] = "\n".join([*text, "", *_times(result.sections)]) + "\n"
    return files


def _head(result: Result, before: Result | None) -> Iterator[str]:
    yield "# Performance"
    yield ""
    yield "Written by `make bench` out of what it measured, and by nobody's hand: all values are of one run on one"
    yield "machine, so that a ratio to a bare tool says more than a time. A target is the most that a value may be."
    yield f"What invariant I15 says does not grow may cost {number(FLAT_MOST)} times as much at the largest size as at"
    yield "the smallest."
    yield ""
    for label, of in (("now", result), ("before", before)):
        if of is not None:
            title = f"{label}: " if before else ""
            yield f"- {title}commit `{of.commit or 'unknown'}`, {of.taken}, load {of.load[0]:.2f} to {of.load[1]:.2f}"
            yield from (f"- {fact}" for fact in of.facts)
            if of.note:
                yield f"- {of.note}"
    if result.is_quick:
        yield "- **Tiny sizes, which only prove that the benchmarks work: no value means anything.**"


def _times(sections: Sequence[Section]) -> Iterator[str]:
    yield "## How long each part took to measure"
    yield ""
    yield from _markdown([("part", "seconds"), *((section.name, f"{section.seconds:.0f}") for section in sections)])


def _plot(table: Table | Growth, old: Table | Growth | None) -> str | None:
    if isinstance(table, Growth):
        return plots.growth(table, old if isinstance(old, Growth) else None) if len(table.sizes) > 1 else None
    if sum(row.target is not None for row in table.rows) < BARS_LEAST:
        return None
    return plots.bars(table, old if isinstance(old, Table) else None)


def _table(table: Table | Growth, old: Table | Growth | None, plot: str | None, *, judge: bool) -> Iterator[str]:
    yield f"### {table.title[:1].upper()}{table.title[1:]}"
    yield ""
    if table.remarks:
        yield " ".join(table.remarks)
        yield ""
    if isinstance(table, Growth):
        yield from _growth(table, old if isinstance(old, Growth) else None, judge)
    else:
        yield from _rows(table, old if isinstance(old, Table) else None, judge)
    if plot:
        yield ""
        yield f"![{table.title}]({plot})"


def _rows(table: Table, old: Table | None, judge: bool) -> Iterator[str]:
    before = {row.what: row for row in old.rows} if old else {}
    head = ["", *(["before"] if old else []), "measured", "target", "", ""]
    cells: list[Sequence[str]] = [head]
    for row in table.rows:
        earlier = [_value(before.get(row.what))] if old else []
        target = "" if row.target is None else f"{number(row.target)} {row.unit}"
        cells.append([row.what, *earlier, _value(row), target, verdict(row.is_met, judge), row.note])
    yield from _markdown(cells)


def _value(row: Row | None) -> str:
    return "" if row is None else f"{number(row.value)} {row.unit}"


def _growth(table: Growth, old: Growth | None, judge: bool) -> Iterator[str]:
    before = {line.what: line for line in old.lines} if old and list(old.sizes) == list(table.sizes) else {}
    is_bare = any(table.to_bare(line) is not None for line in table.lines)
    head = [table.axis, *(f"{size:,}" for size in table.sizes)]
    head += [f"x from {number(table.sizes[0])} to {number(table.sizes[-1])}"]
    head += [*(["to bare"] if is_bare else []), ""]
    cells: list[Sequence[str]] = [head]
    for line in table.lines:
        if old is not None and line.what in before:
            cells.append(_line(f"{line.what}: before", before[line.what], old, is_bare, judge))
        cells.append(_line(line.what, line, table, is_bare, judge))
    yield f"In {table.unit}."
    yield ""
    yield from _markdown(cells)


def _line(what: str, line: Line, table: Growth, is_bare: bool, judge: bool) -> list[str]:
    bare = table.to_bare(line)
    last = [*([number(bare) if bare is not None else ""] if is_bare else []), verdict(line.is_met, judge)]
    return [what, *map(number, line.values), number(line.ratio), *last]


def _markdown(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    head, *lines = cells
    rule = ["---", *("---:" for _ in head[1:])]
    for line in chain([head, rule], lines):
        yield "| " + " | ".join(text.replace("|", "\\|") for text in line) + " |"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def write(docs: Path, files: dict[str, str]) -> None:
    """The page and its plots below ``docs``; plots of an earlier page are gone."""
    for old in (docs / PLOTS).glob("*.svg"):
        old.unlink()
    for name, text in files.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text, encoding="utf-8")


def read(path: Path) -> Result:
    """What a run has written there."""
    return result_of(json.loads(path.read_text(encoding="utf-8")))


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, read, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description="The page of a run.")
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULT.json")
    parser.add_argument("--before", type=Path, metavar="OLDER.json", help="stands beside it, value by value")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="[default: %(default)s]")
    options = parser.parse_args(arguments)
    first, *more = [read(path) for path in options.results]
    together = replace(first, sections=[*first.sections, *(part for result in more for part in result.sections)])
    write(options.docs, page(together, read(options.before) if options.before else None))


if __name__ == "__main__":
    main()

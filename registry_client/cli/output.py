"""What ``omr`` prints: for people tables and a progress bar, for programs one JSON object.

Everything that a registry, a package or a journal says goes through here: a person's terminal is sent nothing that it
would obey, and a program strict JSON (I13).
"""

from __future__ import annotations

import codecs
import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from registry_core import finite

from ..forms import shown

if TYPE_CHECKING:
    from registry_core import Progress, RegistryError

# Within the texts of JSON only, where each may be written as \\uXXXX: what a terminal may obey, and lone surrogates.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def line(text: str, *, err: bool = False) -> None:
    """The text on one line, with what a terminal would obey written out."""
    click.echo(shown(text), err=err)


def lines(text: str) -> None:
    """Each line of the text as :func:`line` has it."""
    for one in text.splitlines():
        line(one)


def json_text(content: Any) -> str:
    """Strict JSON on one line; what it has no word for (NaN, Infinity) is null."""
    text = json.dumps(finite(content)[0], ensure_ascii=not _speaks_utf8(), allow_nan=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _speaks_utf8() -> bool:
    return codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"


def as_json(content: Mapping[str, Any]) -> None:
    """The same object as the HTTP answer, on one line of standard output."""
    click.echo(json_text(content))


class _Escaping(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))


def prepare() -> None:
    """Nothing that is printed fails: a terminal that has no sign for a letter is sent its number.

    What the library warns of on standard error quotes servers too; so it is escaped as all else.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Escaping("%(message)s"))


def facts(content: Mapping[str, Any]) -> None:
    """One ``name: value`` line each; nested values as JSON."""
    width = max(map(len, content), default=0)
    for name, value in content.items():
        if name == "warnings":
            continue
        line(f"{name + ':':<{width + 1}} {as_text(value)}")


def as_text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json_text(value)


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows under their columns; plain text, unfolded, where the output is no terminal."""
    if not rows:
        click.echo("none")
        return
    lines = [["" if row[column] is None else shown(str(row[column])) for column in columns] for row in rows]
    (_drawn if sys.stdout.isatty() else _plain)([shown(column) for column in columns], lines)


def _plain(heads: list[str], lines: list[list[str]]) -> None:
    from rich.cells import cell_len  # here and below only when it is wanted: it is a good part of a short command

    widths = [max(map(cell_len, column)) for column in zip(heads, *lines, strict=True)]
    for cells in (heads, *lines):
        padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
        click.echo("  ".join(padded))


def _drawn(heads: list[str], lines: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        drawn.add_column(head, overflow="fold")
    for cells in lines:
        drawn.add_row(*cells)
    Console().print(drawn, highlight=False, markup=False)


def warnings(content: Mapping[str, Any]) -> None:
    """What the caller should know, on standard error."""
    for warning in content.get("warnings", []):
        line(f"warning: {warning}", err=True)


def failure(error: RegistryError) -> None:
    """The error in a sentence, and what it found, on standard error."""
    line(f"omr: {error.code}: {error.message}", err=True)
    for found in error.detail.get("problems", []):
        parts = [str(found[name]) for name in ("path", "kind", "reason") if found.get(name)]
        parts += [f"{name} {found[name]}" for name in ("expected", "actual") if found.get(name)]
        line("  " + "  ".join(parts), err=True)


def failure_as_json(error: RegistryError) -> None:
    """The fields of the HTTP problem document, but for what only HTTP has."""
    as_json({**error.detail, "ok": False, "code": error.code, "title": error.title, "detail": error.message})


def wrong_usage_as_json(error: click.UsageError) -> None:
    """As :func:`failure_as_json`; click says it to who looks on."""
    fields = {"ok": False, "code": "wrong_usage", "title": "The command is used wrongly"}
    as_json({**fields, "detail": error.format_message()})


@contextmanager
def progress(label: str) -> Iterator[Callable[[Progress], None] | None]:
    """A progress bar on standard error, if that is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(label), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label)

        def show(now: Progress) -> None:
            bar.update(task, completed=now.bytes_done, total=now.bytes_total)

        yield show


@contextmanager
def counter(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that counts things on standard error, if that is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label)
        yield lambda done, total: bar.update(task, completed=done, total=total)

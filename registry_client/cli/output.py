"""What ``omr`` prints: for people tables and a progress bar, for programs one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table

from registry_core import Progress, RegistryError


def as_json(content: Mapping[str, Any]) -> None:
    """The same object as the HTTP answer, on one line of standard output."""
    click.echo(json.dumps(content, ensure_ascii=False))


def facts(content: Mapping[str, Any]) -> None:
    """One ``name: value`` line each; nested values as JSON."""
    width = max(map(len, content), default=0)
    for name, value in content.items():
        if name == "warnings":
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"{name + ':':<{width + 1}} {text}")


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows under their columns; plain text, unfolded, where the output is no terminal."""
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        drawn.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    console.print(drawn, highlight=False, markup=False) if rows else click.echo("none")


def warnings(content: Mapping[str, Any]) -> None:
    """What the caller should know, on standard error."""
    for warning in content.get("warnings", []):
        click.echo(f"warning: {warning}", err=True)


def failure(error: RegistryError) -> None:
    """The error in a sentence, and what it found, on standard error."""
    click.echo(f"omr: {error.code}: {error.message}", err=True)
    for found in error.detail.get("problems", []):
        parts = [str(found[name]) for name in ("path", "kind", "reason") if found.get(name)]
        parts += [f"{name} {found[name]}" for name in ("expected", "actual") if found.get(name)]
        click.echo("  " + "  ".join(parts), err=True)


def failure_as_json(error: RegistryError) -> None:
    """The fields of the HTTP problem document, but for what only HTTP has."""
    as_json({**error.detail, "ok": False, "code": error.code, "title": error.title, "detail": error.message})


@contextmanager
def progress(label: str) -> Iterator[Callable[[Progress], None] | None]:
    """A progress bar on standard error, if that is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
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
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label)
        yield lambda done, total: bar.update(task, completed=done, total=total)

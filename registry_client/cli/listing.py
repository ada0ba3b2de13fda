"""The commands over the whole registry: models, versions, tasks, watch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from registry_core import STAGES, Filters, StorageError, Streamed, SummaryFilters

from . import output
from .command import finish, option, table_of, verb

if TYPE_CHECKING:
    from registry_core import ModelRegistry, StreamedEvent

    from .command import Registry

POLL_S = 0.5


@click.command()
@option(SummaryFilters, "--task")
@option(SummaryFilters, "--alias")
@option(SummaryFilters, "--without-alias")
@option(SummaryFilters, "--tag", multiple=True, metavar="KEY:VALUE")
@option(SummaryFilters, "--fact", multiple=True, metavar="load:VALUE")
@option(SummaryFilters, "-q", "--query", "q")
@option(SummaryFilters, "--sort")
@option(SummaryFilters, "--limit")
@option(SummaryFilters, "--cursor")
@verb
def models(registry: Registry, *, as_json: bool, **filters: Any) -> None:
    """List the models, a row each, filtered and sorted."""
    page = registry.list_summaries(**filters)
    columns = ("task", "model_name", "newest", "aliases", "versions", "bytes", "changed_at")
    rows = [
        {
            **vars(item),
            "newest": item.newest.version if item.newest is not None else None,
            "aliases": " ".join(f"{one.alias}={one.version}" for one in item.aliases),
        }
        for item in page.items
    ]
    finish(page.to_dict(), as_json, lambda _: output.table(columns, rows))
    if not as_json:
        _say_how_many(len(rows), page.total, page.next)


@click.command()
@option(Filters, "--task")
@option(Filters, "--model", "model_name")
@option(Filters, "--alias")
@option(Filters, "--stage", type=click.Choice(STAGES))
@option(Filters, "--metric-gte", multiple=True, metavar="KEY:NUMBER")
@option(Filters, "--metric-lte", multiple=True, metavar="KEY:NUMBER")
@option(Filters, "--tag", "tags", multiple=True, metavar="KEY:VALUE")
@option(Filters, "--fact", multiple=True, metavar="load:VALUE")
@option(Filters, "-q", "--query", "text")
@option(Filters, "--sort")
@option(Filters, "--limit")
@option(Filters, "--cursor")
@verb
def versions(registry: Registry, *, as_json: bool, **filters: Any) -> None:
    """List versions of all models, filtered and sorted."""
    page = registry.list_models(**filters)
    columns = ("task", "model_name", "version", "stage", "aliases", "created_at")
    rows = [{column: _cell(item.get(column)) for column in columns} for item in page.items]
    finish(page.to_dict(), as_json, lambda _: output.table(columns, rows))
    if not as_json:
        _say_how_many(len(rows), page.total, page.next)


@click.command()
@verb
def tasks(registry: Registry, *, as_json: bool) -> None:
    """List the tasks, with their models, versions and bytes."""
    columns = ("task", "models", "versions", "bytes")
    found = registry.list_tasks()
    content = {"tasks": [task.to_dict() for task in found], "warnings": found.warnings}
    finish(content, as_json, table_of("tasks", columns))


@click.command()
@click.option("--after", help="Begin after this id; 0: from the beginning. [default: from now on]")
@click.option("--limit", type=int, help="Stop after so many events. [default: never]")
@verb
def watch(registry: Registry, *, as_json: bool, after: str | None, limit: int | None) -> None:
    """Follow the events of all models as they happen, one a line."""
    from registry_core import ModelRegistry

    events = (
        _poll(registry, after, limit) if isinstance(registry, ModelRegistry) else registry.watch(after, limit=limit)
    )
    for item in events:
        content = {"id": item.id, **item.event.to_dict()}
        output.as_json(content) if as_json else output.line(_line(content))


def _say_how_many(shown: int, total: int | None, following: str | None) -> None:
    of_all = "" if total is None else f" of {total}"
    output.line(f"{shown}{of_all}" + (f"; more: --cursor {following}" if following else ""), err=True)


def _said_once(said: frozenset[str], warnings: list[str]) -> frozenset[str]:
    for text in warnings:
        if text not in said:
            output.line(f"omr: {text}", err=True)
    return said.union(warnings)


def _poll(registry: ModelRegistry, after: str | None, limit: int | None) -> Iterator[StreamedEvent]:
    position = registry.last_event() if after is None else "" if after == "0" else after
    left, said = limit, frozenset[str]()
    while left is None or left > 0:
        try:
            found = registry.events(position, 100 if left is None else min(100, left))
        except StorageError as error:  # the catalogue is being rebuilt, or the storage is away: go on when it is back
            output.line(f"omr: {error.code}: {error.message}", err=True)
            found = Streamed()
        said = _said_once(said, found.warnings)
        for item in found:
            position = item.id
            yield item
        left = None if left is None else left - len(found)
        if not found:
            time.sleep(POLL_S)


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    return " ".join(map(output.as_text, value)) if isinstance(value, list) else output.as_text(value)


def _line(event: dict[str, Any]) -> str:
    who = f" by {event['actor']}" if event["actor"] else ""
    why = f": {event['reason']}" if event["reason"] else ""
    named = f" {event['alias']} ->" if event["alias"] else ""
    model = f"{event['task']}/{event['model_name']}"
    return f"{event['ts_utc'] or '-'}  {model}  {event['event']}{named} {event['version'] or '-'}{who}{why}"

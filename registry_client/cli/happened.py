"""The commands that tell what happened: history, activity."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from registry_core import VerbsOfEvents

from . import output
from .command import finish, of_registry, option, verb

if TYPE_CHECKING:
    from .command import Registry

_COLUMNS = ("seq", "ts_utc", "event", "version", "alias", "previous_version", "actor", "reason")
_ORDER = click.Choice(["asc", "desc"])


def _of_both(of: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that both have."""
    options = (
        option(of, "--alias"),
        option(of, "--version"),
        option(of, "--event", help="Only events of this kind, for example promote."),
        option(of, "--actor"),
        option(of, "--since", metavar="TIME"),
        option(of, "--until", metavar="TIME"),
        option(of, "-q", "--query", "q"),
        option(of, "--order", type=_ORDER),
        option(of, "--before"),
        option(of, "--limit"),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for one in reversed(options):
            command = one(command)
        return command

    return decorate


@click.command()
@option(VerbsOfEvents.history, "--after")
@_of_both(VerbsOfEvents.history)
@verb
@of_registry
def history(registry: Any, *, as_json: bool, task: str | None, model_name: str | None, **filters: Any) -> None:
    """List the events of a model, or of the registry itself, oldest first."""
    columns: tuple[str, ...] = _COLUMNS
    if task is None:
        kept = {name: filters.pop(name) for name in ("event", "after", "limit")}
        if filters.pop("order") != "asc" or any(value is not None for value in filters.values()):
            raise click.UsageError("Events of the registry itself are listed by --event, --after and --limit alone.")
        page, columns = registry.registry_history(**kept), ("seq", "ts_utc", "event", "about", "actor", "reason")
    else:
        page = registry.history(task, model_name, **filters)
    finish(
        page.to_dict(), as_json, lambda content: output.table(columns, [_with_about(one) for one in content["events"]])
    )
    if page.next is not None and not as_json:
        goes_on = "--before" if filters.get("order") == "desc" else "--after"
        output.line(f"There are more: {goes_on} {page.next}", err=True)


def _with_about(event: dict[str, Any]) -> dict[str, Any]:
    """The event, and in a word what it is about, where that is the registry itself."""
    token = event.get("token") or {}
    named = f"token {token.get('id')} {token.get('name') or 'revoked'}" if token else event.get("document")
    return {**event, "about": named}


@click.command()
@_of_both(VerbsOfEvents.activity)
@verb
def activity(registry: Registry, *, as_json: bool, **filters: Any) -> None:
    """List the events of all models, newest first."""
    page = registry.activity(**filters)
    columns = ("ts_utc", "task", "model_name", *_COLUMNS[:1], *_COLUMNS[2:])
    finish(page.to_dict(), as_json, lambda content: output.table(columns, content["events"]))
    if page.next is not None and not as_json:
        output.line(f"There are more: --before {page.next}", err=True)

"""What the files of a version are, and whether loading them runs code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from registry_core import VerbsOfFacts

from . import output
from .command import finish, option, verb, who, why

if TYPE_CHECKING:
    from .command import Registry


@click.command()
@click.argument("task")
@click.argument("ref")
@click.option("--refresh", is_flag=True, help="Read the files again, and make an event of what they are.")
@option(VerbsOfFacts.facts, "--details", is_flag=True)
@who
@why
@verb
def facts(
    registry: Registry,
    *,
    as_json: bool,
    task: str,
    ref: str,
    refresh: bool,
    details: bool,
    actor: str | None,
    reason: str | None,
) -> None:
    """Say what the files of a version are, and whether loading them runs code."""
    if refresh:
        found = registry.refresh_facts(task, ref, actor=actor, reason=reason)
    else:
        found = registry.facts(task, ref, details=details)
    finish(found.to_dict(), as_json, _show)


def _show(content: dict[str, Any]) -> None:
    formats = ", ".join(f"{count} {name}" for name, count in content["formats"].items())
    output.table(("version", "load", "formats", "event"), [{**content, "formats": formats, "event": content["seq"]}])
    rows = content["files"] if content["files"] is not None else content["because"]
    if rows:
        output.table(("path", "format", "load", "why"), [{"load": content["load"], **row} for row in rows])

"""The commands for whoever looks: what is gone, what each alias named when, and what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from registry_core import VerbsOfLooking

from . import output
from .command import finish, option, table_of, verb

if TYPE_CHECKING:
    from .command import Registry


@click.command()
@click.argument("task")
@click.argument("model_name")
@verb
def deleted(registry: Registry, *, as_json: bool, task: str, model_name: str) -> None:
    """List the versions of a model that are deleted, the last deleted first."""
    found = registry.list_deleted(task, model_name)
    content = {"model_name": model_name, "deleted": [one.to_dict() for one in found], "warnings": found.warnings}
    columns = ("version", "deleted_at", "actor", "reason", "restorable")
    finish(content, as_json, table_of("deleted", columns))


@click.command()
@click.argument("task")
@click.argument("model_name")
@option(VerbsOfLooking.alias_spans, "--alias")
@option(VerbsOfLooking.alias_spans, "--limit")
@verb
def spans(registry: Registry, *, as_json: bool, task: str, model_name: str, **words: Any) -> None:
    """List what each alias of a model named, from when to when, the oldest first."""
    columns = ("alias", "version", "since", "until", "actor", "reason", "seq")
    finish(registry.alias_spans(task, model_name, **words).to_dict(), as_json, table_of("spans", columns))


@click.command()
@option(VerbsOfLooking.list_operations, "--limit")
@verb
def operations(registry: Registry, *, as_json: bool, limit: int) -> None:
    """List the long calls that are under way or have ended lately."""
    found = registry.list_operations(limit)
    content = {"operations": [one.to_dict() for one in found], "warnings": found.warnings}
    columns = ("operation_id", "verb", "state", "about", "error", "created_at", "updated_at")
    rows = [{**one.to_dict(), "about": " ".join(map(str, one.about.values()))} for one in found]
    finish(content, as_json, lambda _: output.table(columns, rows))


@click.command()
@option(VerbsOfLooking.list_uploads, "--limit")
@verb
def uploads(registry: Registry, *, as_json: bool, limit: int) -> None:
    """List the uploads that are under way."""
    found = registry.list_uploads(limit)
    content = {"uploads": [one.to_dict() for one in found], "warnings": found.warnings}
    columns = ("upload_id", "task", "model_name", "actor", "created_at", "active_at", "expires_at")
    finish(content, as_json, table_of("uploads", columns))

"""The commands of training runs: how they stand, and their curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from registry_core import RUN_STATUSES, Verbs

from . import output
from .command import finish, option, verb

if TYPE_CHECKING:
    from .command import Registry


@click.group()
def runs() -> None:
    """Look at training runs."""


@runs.command(name="list")
@click.argument("task")
@click.argument("model_name")
@option(Verbs.runs, "--status", type=click.Choice(RUN_STATUSES))
@option(Verbs.runs, "--param", multiple=True, metavar="KEY:VALUE")
@option(Verbs.runs, "--limit", type=int)
@option(Verbs.runs, "--cursor")
@verb
def list_runs(registry: Registry, *, as_json: bool, task: str, model_name: str, **filters: Any) -> None:
    """List the training runs of a model, with the last value of each metric."""
    page = registry.runs(task, model_name, **filters)
    columns = ("run_id", "status", "started_at", "finished_at", "actor", "metrics")
    rows = [{**facts.to_dict(), "metrics": _values(facts.metrics_summary)} for facts in page.items]
    finish(page.to_dict(), as_json, lambda _: output.table(columns, rows))
    if page.next is not None and not as_json:
        output.line(f"There are more: --cursor {page.next}", err=True)


@runs.command(name="show")
@click.argument("task")
@click.argument("model_name")
@click.argument("run_id")
@option(Verbs.run, "--points", type=int)
@verb
def show_run(registry: Registry, *, as_json: bool, task: str, model_name: str, run_id: str, points: int | None) -> None:
    """Print a training run; with --json its points too."""
    found = registry.run(task, model_name, run_id, points=points)
    shown = {name: value for name, value in found.to_dict().items() if name != "metric_history"}
    finish(found.to_dict() if as_json else shown, as_json)


def _values(summary: dict[str, Any]) -> str:
    return " ".join(f"{key}={output.as_text(value)}" for key, value in summary.items())

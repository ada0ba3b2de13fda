"""The commands of the log: what was signed of it, and what proves that a line is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import output
from .command import finish, verb

if TYPE_CHECKING:
    from .command import Registry


@click.group()
def log() -> None:
    """The log of checkpoints, by which outsiders find whatever is changed in journals afterwards."""


@log.command(name="show")
@click.option("--vkey", "is_key", is_flag=True, help="Print the line of the key in place of the note.")
@verb
def log_show(registry: Registry, *, as_json: bool, is_key: bool) -> None:
    """Print the newest signed note of the log, as it is to be kept."""
    if is_key:
        finish({"vkey": registry.log_vkey()}, as_json, lambda said: output.line(said["vkey"]))
    else:
        finish({"checkpoint": registry.log_checkpoint()}, as_json, lambda said: output.lines(said["checkpoint"]))


@log.command(name="proof")
@click.argument("task", required=False)
@click.argument("model_name", required=False)
@click.option("--seq", type=click.IntRange(min=1), required=True, help="The line of the journal.")
@verb
def log_proof(registry: Registry, *, as_json: bool, task: str | None, model_name: str | None, seq: int) -> None:
    """Print what proves that a line of a model's journal, or of the registry's own, is in the log."""

    def show(said: dict[str, Any]) -> None:
        output.line(f"leaf {said['index']} of {said['size']}")
        output.lines("\n".join(said["proof"]))
        output.lines(said["checkpoint"])

    finish(registry.log_proof(task, model_name, seq=seq).to_dict(), as_json, show)

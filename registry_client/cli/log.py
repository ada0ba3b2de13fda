"""The commands of the log: begun and published, what was signed of it, and what proves that a line is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import output
from .command import finish, local_verb, verb, who, why

if TYPE_CHECKING:
    from registry_core import ModelRegistry

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


@log.command(name="init")
@click.option("--origin", required=True, metavar="NAME", help="How outsiders know the log, such as models.lab.example.")
@who
@why
@local_verb
def log_init(registry: ModelRegistry, *, as_json: bool, origin: str, **words: str | None) -> None:
    """Begin the log, with a key where OMNIBIOAI_MODEL_REGISTRY_LOG_KEY says. Outsiders keep the line of the vkey."""
    finish(registry.log_init(origin, **words).to_dict(), as_json)


@log.command(name="publish")
@who
@why
@local_verb
def log_publish(registry: ModelRegistry, *, as_json: bool, **words: str | None) -> None:
    """Cover all that is new by a checkpoint, and print the signed note of all that is covered."""
    done = registry.log_publish(**words).to_dict()
    finish(done, as_json, lambda said: output.lines(said["note"] or "nothing is covered"))


@log.command(name="rotate")
@who
@why
@local_verb
def log_rotate(registry: ModelRegistry, *, as_json: bool, **words: str | None) -> None:
    """Give the log a new key. The note that says so is signed by both."""
    finish(registry.log_rotate(**words).to_dict(), as_json)


@log.command(name="restart")
@click.option("--origin", required=True, metavar="NAME", help="Another name than that of the log that was lost.")
@who
@why
@local_verb
def log_restart(registry: ModelRegistry, *, as_json: bool, origin: str, **words: str | None) -> None:
    """Begin another log after a real loss; it says which one was lost, and --reason why."""
    finish(registry.log_restart(origin, **words).to_dict(), as_json)

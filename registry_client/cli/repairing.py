"""The commands that mend a model where the registry lies: each says what it would do before it is told to do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from . import output
from .command import EXIT_REFUSED, finish, local_verb, who, why

if TYPE_CHECKING:
    from registry_core import ModelRegistry, Repair


@click.group()
def repair() -> None:
    """Mend what is damaged: says what it would do, does it when told to, and records it in the journal."""


def split_model(_context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, str]:
    """(task, model_name) of ``TASK MODEL_NAME`` or ``TASK/MODEL_NAME``."""
    parts = value[0].split("/") if len(value) == 1 else list(value)
    if len(parts) != 2:
        raise click.BadParameter("Write TASK MODEL_NAME or TASK/MODEL_NAME.", param=parameter)
    return parts[0], parts[1]


def split_model_or_none(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, str] | tuple[()]:
    """As :func:`split_model`; nothing where nothing is named."""
    return split_model(context, parameter, value) if value else ()


a_model = click.argument("model", nargs=-1, required=True, metavar="TASK MODEL_NAME", callback=split_model)
a_model_or_none = click.argument("model", nargs=-1, metavar="[TASK MODEL_NAME]", callback=split_model_or_none)
yes = click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done, with exit code 1.")


def finish_repair(done: Repair, as_json: bool, told_by: str) -> None:
    """Print what was done, or what would be; exit code 1 where something is left to do. ``told_by``: the option."""

    def show(_: dict[str, Any]) -> None:
        for step in done.steps:
            output.line(f"{'done' if done.is_done else 'would be done'}: {step}")
        if not done.steps:
            output.line(f"nothing to mend: the {done.kind} of {done.where}")
        elif not done.is_done:
            output.line(f"Nothing was changed. To do it, add {told_by}.", err=True)
        for path in done.paths:
            output.line(f"see: {path}")

    finish(done.to_dict(), as_json, show)
    if done.steps and not done.is_done:
        click.get_current_context().exit(EXIT_REFUSED)


@repair.command()
@a_model
@click.option("--accept-loss", is_flag=True, help="Go on after the events that are lost; else it is only said which.")
@who
@why
@local_verb
def journal(registry: ModelRegistry, *, as_json: bool, model: tuple[str, str], accept_loss: bool, **words: Any) -> None:
    """Go on after a lost end of a model's journal; restore the journal from a backup instead, if there is one."""
    finish_repair(registry.repair_journal(*model, accept_loss=accept_loss, **words), as_json, "--accept-loss")


def add(name: str, what: str, of_whose: Callable[[Any], Any] = a_model) -> None:
    """The command ``omr repair NAME``: ``what`` it does to a model, by the registry's ``repair_NAME``."""

    @repair.command(name, help=what)
    @of_whose
    @yes
    @who
    @why
    @local_verb
    def command(registry: ModelRegistry, *, as_json: bool, model: tuple[str, ...], yes: bool, **words: Any) -> None:
        mend = getattr(registry, f"repair_{name}")
        finish_repair(mend(*model, is_wanted=yes, **words), as_json, "--yes")


add(
    "clock",
    "Say in a model's journal, or the registry's own, what time it is, after events by a clock that was ahead.",
    a_model_or_none,
)
add("documents", "Write the alias and state documents of a model anew that are not what its journal says.")
add("tombstones", "Write the tombstones of a model anew that are not what its journal says.")
add("seals", "Make the packages of a model read-only again, where somebody has opened them.")
add("strays", "Move what was never registered out of a model's packages, to .strays in the root.")

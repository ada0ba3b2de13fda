"""The commands of trust and policies. Whoever has the root is asked nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import click

from registry_core import VerbsOfGates

from . import output
from .command import finish, option, table_of, verb, who, why

if TYPE_CHECKING:
    from .command import Registry

_expected = click.option("--expected-seq", type=click.IntRange(min=0), help="Only if this event set it; 0: none did.")
_as_of = click.option("--as-of", metavar="TIME", help="What held at this moment, for example 2026-03-31T12:00Z.")


def _show(content: dict[str, Any]) -> None:
    if content["document"] is None:
        return output.line("no trust document was set")
    output.as_json(content["document"])
    by = f" by {content['actor']}" if content["actor"] else ""
    return output.line(f"set{by} at {content['updated_at']}, event {content['seq']}", err=True)


@click.command()
@click.argument("task")
@click.argument("ref")
@click.argument("alias")
@option(VerbsOfGates.gate, "--as-of", metavar="TIME")
@option(VerbsOfGates.gate, "--actor")
@verb
def gate(registry: Registry, *, as_json: bool, **words: Any) -> None:
    """Say whether REF meets what ALIAS asks for, requirement by requirement. Nothing is changed."""
    finish(registry.gate(**words).to_dict(), as_json, _checklist)


def _checklist(content: dict[str, Any]) -> None:
    if not content["gated"]:
        output.line(f"no policy guards {content['alias']}")
        return
    rows = [{**check, "": "met" if check["met"] else "unmet"} for check in content["checks"]]
    output.table(("", "id", "needed", "found"), rows)
    for one in content["in_force"]:
        by = f" by {one['actor']}" if one["actor"] else ""
        said = f"set{by} at {one['at']}, event {one['seq']}" if one["seq"] else "never set"
        output.line(f"{one['name']}: {said}", err=True)


@click.group()
def trust() -> None:
    """Whose keys, principals and actors are whose."""


@trust.command(name="set")
@click.argument("file", type=click.File("rb"))
@_expected
@who
@why
@verb
def trust_set(
    registry: Registry, *, as_json: bool, file: BinaryIO, expected_seq: int | None, **words: str | None
) -> None:
    """Have the trust document in FILE (- for standard input) hold, and no other."""
    finish(registry.set_trust_document(file.read(), expected_seq=expected_seq, **words).to_dict(), as_json)


@trust.command(name="show")
@_as_of
@verb
def trust_show(registry: Registry, *, as_json: bool, as_of: str | None) -> None:
    """Print the trust document that holds, who set it, and when."""
    finish(registry.trust_document(as_of=as_of).to_dict(), as_json, _show)


@click.group()
def policy() -> None:
    """What a version needs before an alias may name it. TASK is a task, or '*' for all."""


@policy.command(name="set")
@click.argument("task")
@click.argument("file", type=click.File("rb"))
@_expected
@who
@why
@verb
def policy_set(
    registry: Registry, *, as_json: bool, task: str, file: BinaryIO, expected_seq: int | None, **words: str | None
) -> None:
    """Have the policy in FILE (- for standard input) hold for TASK, in the place of the one before."""
    finish(registry.set_policy(task, file.read(), expected_seq=expected_seq, **words).to_dict(), as_json)


@policy.command(name="show")
@click.argument("task")
@_as_of
@verb
def policy_show(registry: Registry, *, as_json: bool, task: str, as_of: str | None) -> None:
    """Print the policy of TASK that holds, who set it, and when."""
    finish(registry.policy(task, as_of=as_of).to_dict(), as_json, _show)


@policy.command(name="list")
@verb
def policy_list(registry: Registry, *, as_json: bool) -> None:
    """Print which policies hold, who set them, and when."""
    columns = ("task", "seq", "updated_at", "actor", "reason")
    finish({"policies": [one.to_dict() for one in registry.policies()]}, as_json, table_of("policies", columns))


@policy.command(name="try")
@click.argument("task")
@click.argument("file", type=click.File("rb"))
@verb
def policy_try(registry: Registry, *, as_json: bool, task: str, file: BinaryIO) -> None:
    """Say whether the policy in FILE could be set for TASK, and what its gates would say of the versions there are.

    Nothing is changed.
    """
    finish(registry.try_policy(task, file.read()).to_dict(), as_json, _show_trial)


def _show_trial(content: dict[str, Any]) -> None:
    output.facts({name: content[name] for name in ("task", "digest", "models", "aliases", "holds")})
    rows = [
        {
            **one,
            "model": f"{one['task']}/{one['model_name']}",
            "": "met" if one["met"] else "unmet",
            "lacks": one["fault"] or " ".join(f"{check['id']}: {check['found']}" for check in one["unmet"]),
            "alias": one["alias"] if one["named"] else f"({one['alias']})",
        }
        for one in content["versions"]
    ]
    if rows:
        output.table(("", "model", "alias", "version", "lacks"), rows)
    if content["left_out"]:
        output.line(f"{len(rows)} versions; there are more, of those or of what is warned of", err=True)


@policy.command(name="clear")
@click.argument("task")
@_expected
@who
@why
@verb
def policy_clear(
    registry: Registry, *, as_json: bool, task: str, expected_seq: int | None, **words: str | None
) -> None:
    """Have no policy hold for TASK."""
    finish(registry.clear_policy(task, expected_seq=expected_seq, **words).to_dict(), as_json)

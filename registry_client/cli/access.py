"""The commands of access, where the registry lies: the rules, and the tokens that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import click

from . import output
from .command import finish, local_verb, table_of, who, why

if TYPE_CHECKING:
    from registry_core import ModelRegistry

ACTIONS = ("read", "use", "write", "promote", "delete", "admin")


@click.group()
def access() -> None:
    """The rules of access: who may do what."""


@access.command(name="set")
@click.argument("file", type=click.File("rb"))
@click.option("--expected-seq", type=click.IntRange(min=0), help="Only if this event set the rules; 0: if none did.")
@who
@why
@local_verb
def access_set(
    registry: ModelRegistry, *, as_json: bool, file: BinaryIO, expected_seq: int | None, **words: str | None
) -> None:
    """Have the rules in FILE (- for standard input) hold, and no others."""
    finish(registry.set_access_rules(file.read(), expected_seq=expected_seq, **words).to_dict(), as_json)


@access.command(name="show")
@local_verb
def access_show(registry: ModelRegistry, *, as_json: bool) -> None:
    """Print the access document that holds, and the event that set it."""

    def show(content: dict[str, Any]) -> None:
        output.as_json(content["document"]) if content["document"] is not None else output.line("no rules were set")

    finish(registry.access_rules().to_dict(), as_json, show)


@access.command(name="try")
@click.argument("someone", metavar="WHO")
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("model", metavar="TASK/MODEL_NAME")
@click.argument("alias", required=False)
@local_verb
def access_try(
    registry: ModelRegistry, *, as_json: bool, someone: str, action: str, model: str, alias: str | None
) -> None:
    """Say whether the rules give WHO (user:X, group:X, token:X, anonymous ...) an action, and which of them do."""
    task, slash, model_name = model.partition("/")
    if not slash:
        raise click.BadParameter("it is TASK/MODEL_NAME.", param_hint="TASK/MODEL_NAME")
    finish(registry.try_access_rules(someone, action, task, model_name, alias).to_dict(), as_json)


@click.group()
def token() -> None:
    """The tokens of services, by which they are known to the rules as token:NAME."""


@token.command(name="create")
@click.argument("name")
@click.option("--role", help="At most what this role may do.")
@click.option("--on", multiple=True, metavar="TASK/MODEL_NAME", help="Only these models; * stands for anything.")
@click.option("--alias", "aliases", multiple=True, help="Of aliases it may move only these; * stands for anything.")
@click.option("--days", type=float, default=90, show_default=True, help="How long it counts.")
@who
@why
@local_verb
def token_create(
    registry: ModelRegistry,
    *,
    as_json: bool,
    name: str,
    role: str | None,
    on: tuple[str, ...],
    aliases: tuple[str, ...],
    days: float,
    **words: str | None,
) -> None:
    """Make a token for the service NAME, and print it: it is shown this once, and kept nowhere."""
    made = registry.create_token("service", name, role=role, on=on or None, aliases=aliases or None, days=days, **words)
    finish(made.to_dict(), as_json, lambda said: output.line(said["token"]))


@token.command(name="list")
@local_verb
def token_list(registry: ModelRegistry, *, as_json: bool) -> None:
    """Print the tokens that count, services' and people's; of none what it says."""
    columns = ("id", "kind", "name", "owner", "expires_at")
    found = {"tokens": [one.to_dict() for one in registry.list_tokens()]}
    finish(found, as_json, table_of("tokens", columns))


@token.command(name="revoke")
@click.argument("token_id", metavar="ID")
@who
@why
@local_verb
def token_revoke(registry: ModelRegistry, *, as_json: bool, token_id: str, **words: str | None) -> None:
    """End the token at once."""
    finish(registry.revoke_token(token_id, **words).to_dict(), as_json)

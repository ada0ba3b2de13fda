"""The commands of access: the rules, whose a model is, and tokens. Whoever has the root is asked nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import click

from registry_core import VerbsOfAccess

from . import output
from .command import finish, local_verb, option, table_of, verb, who, why

if TYPE_CHECKING:
    from registry_core import ModelRegistry

    from .command import Registry

ACTIONS = ("read", "use", "write", "promote", "delete", "admin")


@click.group()
def access() -> None:
    """The rules of access: who may do what."""


@access.command(name="set")
@click.argument("file", type=click.File("rb"))
@click.option("--expected-seq", type=click.IntRange(min=0), help="Only if this event set the rules; 0: if none did.")
@who
@why
@verb
def access_set(
    registry: Registry, *, as_json: bool, file: BinaryIO, expected_seq: int | None, **words: str | None
) -> None:
    """Have the rules in FILE (- for standard input) hold, and no others."""
    finish(registry.set_access_rules(file.read(), expected_seq=expected_seq, **words).to_dict(), as_json)


_as_of = click.option("--as-of", metavar="TIME", help="By the rules of this moment, for example 2026-03-31T12:00Z.")


@access.command(name="show")
@_as_of
@verb
def access_show(registry: Registry, *, as_json: bool, as_of: str | None) -> None:
    """Print the access document that holds, and the event that set it."""

    def show(content: dict[str, Any]) -> None:
        output.as_json(content["document"]) if content["document"] is not None else output.line("no rules were set")

    finish(registry.access_rules(as_of=as_of).to_dict(), as_json, show)


@access.command(name="try")
@click.argument("someone", metavar="WHO")
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("model", metavar="TASK/MODEL_NAME")
@click.argument("alias", required=False)
@_as_of
@verb
def access_try(
    registry: Registry,
    *,
    as_json: bool,
    someone: str,
    action: str,
    model: str,
    alias: str | None,
    as_of: str | None,
) -> None:
    """Say whether the rules give WHO (user:X, group:X, token:X, anonymous ...) an action, and which of them do."""
    finish(registry.try_access_rules(someone, action, *_model_named(model), alias, as_of=as_of).to_dict(), as_json)


@access.command(name="own")
@click.argument("model", metavar="TASK/MODEL_NAME")
@click.argument("org", required=False)
@click.option("--nobody", is_flag=True, help="It is no organization's.")
@who
@why
@local_verb
def access_own(
    registry: ModelRegistry, *, as_json: bool, model: str, org: str | None, nobody: bool, **words: str | None
) -> None:
    """Make the model the organization ORG's, whosever it was."""
    if nobody is (org is not None):
        raise click.UsageError("Name either ORG or --nobody.")
    task, model_name = _model_named(model)
    finish(registry.own(task, model_name, org, **words).to_dict(), as_json)


def _model_named(text: str) -> tuple[str, str]:
    task, slash, model_name = text.partition("/")
    if not slash:
        raise click.BadParameter("it is TASK/MODEL_NAME.", param_hint="TASK/MODEL_NAME")
    return task, model_name


@click.group()
def token() -> None:
    """Tokens of the registry: those of services, which rules know as token:NAME, and your own."""


@token.command(name="create")
@click.argument("name")
@click.option("--personal", is_flag=True, help="A token of your own: whoever sends it is you, as you are known now.")
@option(VerbsOfAccess.create_token, "--role")
@option(VerbsOfAccess.create_token, "--on", multiple=True, metavar="TASK/MODEL_NAME")
@option(VerbsOfAccess.create_token, "--alias", "aliases", multiple=True)
@option(VerbsOfAccess.create_token, "--days", type=float)
@who
@why
@verb
def token_create(
    registry: Registry,
    *,
    as_json: bool,
    name: str,
    personal: bool,
    role: str | None,
    on: tuple[str, ...],
    aliases: tuple[str, ...],
    days: float,
    **words: str | None,
) -> None:
    """Make a token for the service NAME, and print it: it is shown this once, and kept nowhere."""
    kind = "personal" if personal else "service"
    made = registry.create_token(kind, name, role=role, on=on or None, aliases=aliases or None, days=days, **words)
    finish(made.to_dict(), as_json, lambda said: output.line(said["token"]))


@token.command(name="list")
@verb
def token_list(registry: Registry, *, as_json: bool) -> None:
    """Print the tokens that count: an admin all, others their own; of none what it says."""
    columns = ("id", "kind", "name", "owner", "expires_at")
    found = {"tokens": [one.to_dict() for one in registry.list_tokens()]}
    finish(found, as_json, table_of("tokens", columns))


@token.command(name="revoke")
@click.argument("token_id", metavar="ID")
@who
@why
@verb
def token_revoke(registry: Registry, *, as_json: bool, token_id: str, **words: str | None) -> None:
    """End the token at once."""
    finish(registry.revoke_token(token_id, **words).to_dict(), as_json)

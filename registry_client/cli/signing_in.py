"""The commands by which a person signs in at a service: login, logout, whoami. No token stands on a command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from registry_core import InvalidParameter

from . import output
from .command import finish, open_url, plain_verb, verb

if TYPE_CHECKING:
    from .command import Registry

_url = click.argument("url", required=False)
_MOST_CHARACTERS = 64 * 1024


def _named(url: str | None) -> str:
    chosen: str | None = url or click.get_current_context().obj["url"]
    if chosen is None:
        raise click.UsageError("Name the service: its address is the argument.")
    return chosen


class _Unrepeated(click.Command):
    """A word too much is refused without being repeated: it may be the token."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        left = super().parse_args(ctx, args)
        if left:
            raise click.UsageError(
                "Give the address of the service, and no token: others could read it there. "
                "Type it in when asked, or send it to standard input.",
                ctx,
            )
        return left


@click.command(cls=_Unrepeated)
@_url
@plain_verb
def login(_: None, *, as_json: bool, url: str | None) -> None:
    """Keep a token for the service at URL, which is asked first whose it is. It is typed in, or read from a pipe."""
    from ..local import credentials, settings  # only when it is wanted, here and below

    chosen = _named(url)
    with open_url(chosen, token="any") as client:  # nosec B106 - what cannot be sent there is not asked for
        shown = client.url
    given = click.get_current_context().obj["token_file"]
    token = credentials.read_file(given) if given is not None else _typed(shown)
    with open_url(chosen, token=token) as client:
        caller = client.whoami()
    if caller.kind == "anonymous":
        raise InvalidParameter(f"{shown} asks nobody who is calling, so no token is kept for it.", field="url")
    path = credentials.keep(chosen, token)
    warnings = [f"{settings.TOKEN} is set, and is sent in place of what is kept."] if settings.token() else []
    finish({"url": shown, **caller.to_dict(), "kept_in": str(path), "warnings": warnings}, as_json, _show)


def _typed(url: str) -> str:
    if sys.stdin.isatty():
        text: str = click.prompt(f"Token for {url}", hide_input=True, err=True)
    else:
        text = sys.stdin.readline(_MOST_CHARACTERS)
    if not text.strip():
        raise click.UsageError("No token came: type it in, or send it to standard input.")
    return text.strip()


@click.command()
@_url
@plain_verb
def logout(_: None, *, as_json: bool, url: str | None) -> None:
    """Forget the token that is kept for the service at URL. It counts on until it is revoked, or expires."""
    from ..local import credentials

    origin = credentials.origin_of(_named(url))
    was_kept = credentials.forget(origin)
    finish({"url": origin, "was_kept": was_kept}, as_json)


@click.command()
@verb
def whoami(registry: Registry, *, as_json: bool) -> None:
    """Print who you are to the registry, as far as it was verified."""
    finish(registry.whoami().to_dict(), as_json, _show)


def _show(content: dict[str, Any]) -> None:
    output.facts({name: value for name, value in content.items() if value not in (None, [])})

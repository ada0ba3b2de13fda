"""``omr``: a command parses, makes one call of the library, and prints.

Exit codes: 0 done; 1 refused (the request is not valid, or the registry's state forbids it);
2 wrong usage; 3 not found; 4 damaged (bytes are not what their digest says); 5 the storage failed,
or the registry is not configured; 6 unfinished; 7 nobody knows who calls; 8 who calls may not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry_core import UNSET, Verbs, __version__

from . import output
from .command import PREFIX, choose, expected_seq, finish, local_verb, option, overriding, table_of, verb, who, why
from .metadata import metadata_option, read_metadata

if TYPE_CHECKING:
    from .command import Registry

_as_of = click.option("--as-of", metavar="TIME", help="What REF meant at this moment, for example 2026-03-31T12:00Z.")


# Module -> the commands in it, beside those that stand here. It is imported when one of them is asked for.
_ROOMS = {
    "access": "access token",
    "rules": "trust policy gate",
    "signing_in": "login logout whoami",
    "governing": "unalias rollback tag patch stage delete restore metrics compare",
    "auditing": "audit",
    "log": "log",
    "facts": "facts",
    "attestations": "attest approve attestations finding",
    "looking": "deleted spans operations uploads",
    "running": "runs",
    "happened": "history activity",
    "listing": "models versions tasks watch",
    "maintaining": "init sweep check migrate purge adopt reindex",
    "repairing": "repair",
    "transferring": "pull push cache",
    "vouching": "manifest sign",
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names.split()}


class _Commands(click.Group):
    """With ``--json`` a wrong usage, wherever it is found, is told as JSON too; a command costs its own room only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ROOM_OF])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ROOM_OF:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(f".{_ROOM_OF[cmd_name]}", __package__), cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["as_json"] = "--json" in args
        with _told_as_json(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with _told_as_json(ctx):
            return super().invoke(ctx)


@contextmanager
def _told_as_json(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if ctx.meta["as_json"]:
            output.wrong_usage_as_json(error)
        raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="omr")
@click.option("--root", envvar=f"{PREFIX}_ROOT", help=f"The registry's root [default: ${PREFIX}_ROOT].")
@click.option(
    "--url",
    envvar=f"{PREFIX}_URL",
    metavar="URL",
    help=f"A service's address, in place of a root [default: ${PREFIX}_URL].",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help=f"The token for the service [default: in ${PREFIX}_TOKEN, or the one that 'omr login' keeps].",
)
@click.pass_context
def main(context: click.Context, root: str | None, url: str | None, token_file: Path | None) -> None:
    """The model registry: immutable versions, proven bytes, audited aliases.

    A REF is model_name@selector; the selector is an alias or a version.

    Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not found, 4 damaged, 5 storage, 7 not signed in, 8 not allowed.
    """
    output.prepare()
    choose(context, root, url, token_file)


@main.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@click.argument("artifacts_dir", type=click.Path(path_type=Path))
@metadata_option
@click.option("--set-alias", default="latest", show_default=True, help="The alias that shall name the version.")
@click.option("--no-alias", is_flag=True, help="Set no alias.")
@click.option("--idempotency-key", help="Makes a repeat of the same call harmless.")
@who
@why
@verb
def register(
    registry: Registry,
    *,
    as_json: bool,
    artifacts_dir: Path,
    metadata: str | None,
    set_alias: str,
    no_alias: bool,
    **words: Any,
) -> None:
    """Take the package in ARTIFACTS_DIR in as a version that never changes again."""
    with output.progress("register") as progress:
        done = registry.register(
            artifacts_dir=os.path.abspath(artifacts_dir),
            metadata=read_metadata(metadata),
            set_alias=None if no_alias else set_alias,
            progress=progress,
            **words,
        )
    finish(done.to_dict(), as_json)


@main.command()
@click.argument("task")
@click.argument("ref")
@option(Verbs.resolve, "--verify/--no-verify", "verify")
@_as_of
@verb
def resolve(registry: Registry, *, as_json: bool, task: str, ref: str, verify: bool, as_of: str | None) -> None:
    """Print where the version lies that REF names."""
    with output.progress("verify") as progress:
        found = registry.resolve(task, ref, verify=verify, as_of=as_of, progress=progress)
    finish(found.to_dict(), as_json, lambda content: output.line(content["path"]))


@main.command()
@click.argument("task")
@click.argument("ref")
@option(Verbs.show, "--verify/--no-verify", "verify")
@_as_of
@verb
def show(registry: Registry, *, as_json: bool, task: str, ref: str, verify: bool, as_of: str | None) -> None:
    """Print all that is known about a version."""
    finish(registry.show(task, ref, verify=verify, as_of=as_of).to_dict(), as_json)


@main.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("alias")
@click.argument("version")
@click.option("--expected-version", help="Move only if the alias names this version now.")
@expected_seq
@click.option("--expected-absent", is_flag=True, help="Move only if there is no such alias yet.")
@overriding
@who
@why
@verb
def promote(
    registry: Registry, *, as_json: bool, expected_version: str | None, expected_absent: bool, **words: Any
) -> None:
    """Let ALIAS name VERSION."""
    if expected_absent and expected_version is not None:
        raise click.UsageError("--expected-version and --expected-absent exclude each other.")
    expected = expected_version if expected_version is not None or expected_absent else UNSET
    finish(registry.promote(**words, expected_version=expected).to_dict(), as_json)


@main.command()
@click.argument("task")
@click.argument("ref")
@verb
def verify(registry: Registry, *, as_json: bool, task: str, ref: str) -> None:
    """Read every byte of a version and prove it."""
    with output.progress("verify") as progress:
        proven = registry.verify(task, ref, progress=progress)
    finish(proven.to_dict(), as_json)


@main.command()
@click.argument("task")
@click.argument("model_name")
@option(Verbs.list_aliases, "--as-of", metavar="TIME")
@verb
def aliases(registry: Registry, *, as_json: bool, task: str, model_name: str, as_of: str | None) -> None:
    """List the aliases of a model."""
    found = registry.list_aliases(task, model_name, as_of)
    content = {"model_name": model_name, "aliases": [alias.to_dict() for alias in found], "warnings": found.warnings}
    columns = ("alias", "version", "updated_at", "actor", "reason", "seq")
    finish(content, as_json, table_of("aliases", columns))


@main.command()
@click.argument("task")
@click.argument("ref")
@verb
def artifacts(registry: Registry, *, as_json: bool, task: str, ref: str) -> None:
    """List the files of a version."""
    columns = ("name", "size_bytes", "sha256")
    finish(registry.artifacts(task, ref).to_dict(), as_json, table_of("files", columns))


@main.command()
@click.option("--host", help="The address to listen on [default: 127.0.0.1].")
@click.option("--port", type=int, help="The port to listen on [default: 8095].")
@click.option("--workers", type=int, help="Processes [default: 2].")
@local_verb
def serve(registry: Registry, *, as_json: bool, **options: Any) -> None:
    """Serve the registry over HTTP until told to stop."""
    del registry, as_json  # opened by now, so a root that cannot be served was refused in words
    environment = dict(os.environ)
    root = click.get_current_context().obj["root"]
    for name, value in {"root": root, **options}.items():
        if value is not None:
            environment[f"{PREFIX}_{name.upper()}"] = str(value)
    command = [sys.executable, "-m", "gunicorn", "--config", "python:app.serving.gunicorn_conf", "wsgi:application"]
    os.execve(sys.executable, command, environment)  # nosec B606


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a SHELL, for its start-up file."""
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(main, {}, "omr", "_OMR_COMPLETE").source())


if __name__ == "__main__":
    main(prog_name="omr")

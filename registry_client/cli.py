"""``omr``: a command parses, makes one call of the library, and prints.

Exit codes: 0 done; 1 refused (the request is not valid, or the registry's state forbids it);
2 wrong usage; 3 not found; 4 damaged (bytes are not what their digest says); 5 the storage failed,
or the registry is not configured.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

from registry_core import (
    UNSET,
    IntegrityError,
    InvalidMetadata,
    ModelRegistry,
    NotConfigured,
    NotFound,
    RegistryError,
    StorageError,
    __version__,
)

from . import output

PREFIX = "OMNIBIOAI_MODEL_REGISTRY"
EXIT_REFUSED, EXIT_NOT_FOUND, EXIT_DAMAGED, EXIT_STORAGE = 1, 3, 4, 5
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def exit_code(error: RegistryError) -> int:
    """The process's exit code for a failure of the core."""
    if isinstance(error, NotFound):
        return EXIT_NOT_FOUND
    if isinstance(error, IntegrityError):
        return EXIT_DAMAGED
    if isinstance(error, (StorageError, NotConfigured)):
        return EXIT_STORAGE
    return EXIT_REFUSED


def verb(command: Callable[..., None]) -> Callable[..., None]:
    """Every verb: takes ``--json``, gets the opened registry, and turns errors into exit codes."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object, as the HTTP service answers.")
    @functools.wraps(command)
    def run(*, as_json: bool, **options: Any) -> None:
        context = click.get_current_context()
        try:
            command(ModelRegistry.open(context.obj["root"]), as_json=as_json, **options)
        except RegistryError as error:
            (output.failure_as_json if as_json else output.failure)(error)
            context.exit(exit_code(error))

    return run


def _finish(content: dict[str, Any], as_json: bool, show: Callable[[dict[str, Any]], None] = output.facts) -> None:
    """Print a result the one way or the other."""
    if not content.get("warnings"):
        content.pop("warnings", None)
    if as_json:
        output.as_json({"ok": True, **content})
    else:
        show(content)
        output.warnings(content)


def _table_of(name: str, columns: tuple[str, ...]) -> Callable[[dict[str, Any]], None]:
    return lambda content: output.table(columns, content[name])


_who = click.option("--actor", envvar=f"{PREFIX}_ACTOR", help="Who does this; goes into the journal.")
_why = click.option("--reason", help="Why; goes into the journal.")


class _Age(click.ParamType[float]):
    """A time span such as 90, 45m, 36h or 7d, in seconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
        if match is None:
            self.fail(f"{value!r} is no time span; write for example 45m, 36h or 7d.", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="omr")
@click.option("--root", envvar=f"{PREFIX}_ROOT", help=f"The registry's root [default: ${PREFIX}_ROOT].")
@click.pass_context
def main(context: click.Context, root: str | None) -> None:
    """The model registry: immutable versions, proven bytes, audited aliases.

    A REF is model_name@selector; the selector is an alias or a version.

    Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not found, 4 damaged, 5 storage.
    """
    context.obj = {"root": root}


@main.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@click.argument("artifacts_dir", type=click.Path(path_type=Path))
@click.option("--metadata", help="Free JSON: an object, @FILE to read one, or @- for standard input.")
@click.option("--set-alias", default="latest", show_default=True, help="The alias that shall name the version.")
@click.option("--no-alias", is_flag=True, help="Set no alias.")
@click.option("--idempotency-key", help="Makes a repeat of the same call harmless.")
@_who
@_why
@verb
def register(
    registry: ModelRegistry,
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
            metadata=_read_metadata(metadata),
            set_alias=None if no_alias else set_alias,
            progress=progress,
            **words,
        )
    _finish(done.to_dict(), as_json)


def _read_metadata(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    if text.startswith("@"):
        try:
            text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"{text[1:]} cannot be read: {error}", param_hint="--metadata") from None
    try:
        return json.loads(text)  # type: ignore[no-any-return]
    except RecursionError:
        raise InvalidMetadata("The metadata is nested far deeper than the 64 levels that are kept.") from None
    except ValueError as error:
        raise click.BadParameter(f"that is not valid JSON: {error}", param_hint="--metadata") from None


@main.command()
@click.argument("task")
@click.argument("ref")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Read and prove every byte first.")
@verb
def resolve(registry: ModelRegistry, *, as_json: bool, task: str, ref: str, verify: bool) -> None:
    """Print where the version lies that REF names."""
    with output.progress("verify") as progress:
        found = registry.resolve(task, ref, verify=verify, progress=progress)
    _finish(found.to_dict(), as_json, lambda content: click.echo(content["path"]))


@main.command()
@click.argument("task")
@click.argument("ref")
@click.option("--verify/--no-verify", default=False, show_default=True, help="Read and prove every byte first.")
@verb
def show(registry: ModelRegistry, *, as_json: bool, task: str, ref: str, verify: bool) -> None:
    """Print all that is known about a version."""
    _finish(registry.show(task, ref, verify=verify).to_dict(), as_json)


@main.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("alias")
@click.argument("version")
@click.option("--expected-version", help="Move only if the alias names this version now.")
@click.option("--expected-absent", is_flag=True, help="Move only if there is no such alias yet.")
@_who
@_why
@verb
def promote(
    registry: ModelRegistry, *, as_json: bool, expected_version: str | None, expected_absent: bool, **words: Any
) -> None:
    """Let ALIAS name VERSION."""
    if expected_absent and expected_version is not None:
        raise click.UsageError("--expected-version and --expected-absent exclude each other.")
    expected = expected_version if expected_version is not None or expected_absent else UNSET
    _finish(registry.promote(**words, expected_version=expected).to_dict(), as_json)


@main.command()
@click.argument("task")
@click.argument("ref")
@verb
def verify(registry: ModelRegistry, *, as_json: bool, task: str, ref: str) -> None:
    """Read every byte of a version and prove it."""
    with output.progress("verify") as progress:
        proven = registry.verify(task, ref, progress=progress)
    _finish(proven.to_dict(), as_json)


@main.command()
@click.argument("task")
@click.argument("model_name")
@verb
def aliases(registry: ModelRegistry, *, as_json: bool, task: str, model_name: str) -> None:
    """List the aliases of a model."""
    found = [alias.to_dict() for alias in registry.list_aliases(task, model_name)]
    columns = ("alias", "version", "updated_at", "actor", "reason", "seq")
    _finish({"model_name": model_name, "aliases": found}, as_json, _table_of("aliases", columns))


@main.command()
@click.argument("task")
@click.argument("model_name")
@click.option("--alias", help="Only events of this alias.")
@click.option("--version", help="Only events of this version.")
@click.option("--event", help="Only events of this kind, for example promote.")
@click.option("--after", type=int, default=0, help="Only events after this seq.")
@click.option("--limit", type=int, default=100, show_default=True, help="At most so many events.")
@verb
def history(registry: ModelRegistry, *, as_json: bool, task: str, model_name: str, **filters: Any) -> None:
    """List the events of a model, oldest first."""
    page = registry.history(task, model_name, **filters)
    columns = ("seq", "ts_utc", "event", "version", "alias", "previous_version", "actor", "reason")
    _finish(page.to_dict(), as_json, _table_of("events", columns))
    if page.next is not None and not as_json:
        click.echo(f"There are more: --after {page.next}", err=True)


@main.command()
@click.argument("task")
@click.argument("ref")
@verb
def artifacts(registry: ModelRegistry, *, as_json: bool, task: str, ref: str) -> None:
    """List the files of a version."""
    columns = ("name", "size_bytes", "sha256")
    _finish(registry.artifacts(task, ref).to_dict(), as_json, _table_of("files", columns))


@main.command()
@click.option("--older-than", type=_Age(), default="24h", show_default=True, help="Leave younger staging alone.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@verb
def sweep(registry: ModelRegistry, *, as_json: bool, older_than: float, dry_run: bool) -> None:
    """Finish what crashes left, and remove abandoned staging."""
    _finish(registry.sweep(older_than, dry_run=dry_run).to_dict(), as_json)


@main.command()
@verb
def check(registry: ModelRegistry, *, as_json: bool) -> None:
    """Compare journals, versions, aliases and manifests of the whole registry."""
    report = registry.check()
    content = {"clean": report.is_clean, **report.to_dict()}

    def show(content: dict[str, Any]) -> None:
        for finding in content["findings"]:
            click.echo(f"{finding['severity']}: {finding['where']}: {finding['message']}")
        counts = f"{report.models} models, {report.versions} versions, {report.events} events"
        click.echo(f"{'clean' if report.is_clean else 'DAMAGED'}: {counts}")

    if as_json:
        output.as_json({"ok": report.is_clean, **content})
    else:
        show(content)
    if not report.is_clean:
        click.get_current_context().exit(EXIT_DAMAGED)


@main.command()
@click.argument("destination")
@verb
def migrate(registry: ModelRegistry, *, as_json: bool, destination: str) -> None:
    """Copy the registry to DESTINATION, a directory or a storage URI; run again to catch up."""
    target = ModelRegistry.open(destination)
    with output.progress("migrate") as progress:
        done = registry.migrate_to(target, progress=progress)
    _finish(done.to_dict(), as_json)


@main.command()
@click.option("--host", help="The address to listen on [default: 0.0.0.0].")
@click.option("--port", type=int, help="The port to listen on [default: 8095].")
@click.option("--workers", type=int, help="Processes [default: 2].")
@verb
def serve(registry: ModelRegistry, *, as_json: bool, **options: Any) -> None:
    """Serve the registry over HTTP until told to stop."""
    del registry, as_json  # opened by now, so a root that cannot be served was refused in words
    environment = dict(os.environ)
    root = click.get_current_context().obj["root"]
    for name, value in {"root": root, **options}.items():
        if value is not None:
            environment[f"{PREFIX}_{name.upper()}"] = str(value)
    command = [sys.executable, "-m", "gunicorn", "--config", "python:app.gunicorn_conf", "wsgi:application"]
    os.execve(sys.executable, command, environment)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a SHELL, for its start-up file."""
    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(main, {}, "omr", "_OMR_COMPLETE").source())


if __name__ == "__main__":
    main(prog_name="omr")

"""The commands that govern: aliases, tags, stages, deletion, comparison, the journal's proof."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from registry_core import STAGES, UNSET, Verbs

from . import output
from .command import expected_seq, finish, option, overriding, verb, who, why

if TYPE_CHECKING:
    from registry_core import Comparison

    from .command import Registry

_NEGATIVE = re.compile(r"-[0-9.].*")

_expected = option(
    Verbs.rollback,
    "--expected-version",
    callback=lambda _context, _parameter, value: UNSET if value is None else value,
)


@click.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("alias")
@_expected
@expected_seq
@who
@why
@verb
def unalias(registry: Registry, *, as_json: bool, **words: Any) -> None:
    """Remove ALIAS."""
    finish(registry.unalias(**words).to_dict(), as_json)


@click.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("alias")
@option(Verbs.rollback, "--to-version")
@option(Verbs.rollback, "--dry-run", is_flag=True, default=False, show_default=False)
@overriding
@_expected
@expected_seq
@who
@why
@verb
def rollback(registry: Registry, *, as_json: bool, **words: Any) -> None:
    """Let ALIAS name the version again that it named before."""
    finish(registry.rollback(**words).to_dict(), as_json)


class _TakesNumbers(click.Command):
    """Its last argument may be a number below zero, which is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        takes_one = {
            name for one in self.params if isinstance(one, click.Option) and not one.is_flag for name in one.opts
        }
        for at, word in enumerate(args):
            if _NEGATIVE.fullmatch(word) and "--" not in args and (at == 0 or args[at - 1] not in takes_one):
                return super().parse_args(ctx, [*args[:at], *args[at + 1 :], "--", word])
        return super().parse_args(ctx, args)


@click.command(cls=_TakesNumbers)
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@click.argument("key")
@click.argument("value", required=False)
@click.option("--remove", is_flag=True, help="Remove the tag.")
@who
@why
@verb
def tag(registry: Registry, *, as_json: bool, value: str | None, remove: bool, **words: Any) -> None:
    """Set the tag KEY of VERSION to VALUE.

    A number as JSON writes it, true and false are stored as such. All else is a text as it stands (1.10, 4820e17), and
    so is what stands in double quotes: "700".
    """
    if remove == (value is not None):
        raise click.UsageError("Give a VALUE, or --remove.")
    finish(registry.tag(**words, value=None if value is None else _scalar(value)).to_dict(), as_json)


@click.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@click.option("--description", help="What the version is; empty removes it.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag to set; KEY= removes it.")
@who
@why
@verb
def patch(registry: Registry, *, as_json: bool, description: str | None, tags: tuple[str, ...], **words: Any) -> None:
    """Set the description and tags of VERSION."""
    changed: dict[str, Any] = {}
    for text in tags:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint="--tag")
        changed[key] = _scalar(value) if value else None
    said = UNSET if description is None else (description or None)
    finish(registry.patch(**words, description=said, tags=changed).to_dict(), as_json)


def _scalar(text: str) -> Any:
    """A number that is written so and not otherwise, true, false or a quoted text of JSON; all else is a text as it is.

    The commit 4820e17 is no 4.82e+20, and the version 1.10 no 1.1.
    """
    try:
        value = json.loads(text)
        is_it = isinstance(value, (str, bool)) or (isinstance(value, (int, float)) and output.json_text(value) == text)
    except (ValueError, RecursionError):
        return text
    return value if is_it else text


@click.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@click.argument("stage", type=click.Choice(STAGES))
@_expected
@expected_seq
@click.option("--expected-absent", is_flag=True, help="Do it only if there is no such alias yet.")
@who
@why
@verb
def stage(registry: Registry, *, as_json: bool, expected_absent: bool, **words: Any) -> None:
    """Set the stage of VERSION; staging and production are the aliases of those names."""
    if expected_absent:
        if words["expected_version"] is not UNSET:
            raise click.UsageError("--expected-version and --expected-absent exclude each other.")
        words["expected_version"] = None
    finish(registry.stage(**words).to_dict(), as_json)


@click.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@who
@option(Verbs.delete, "--reason", required=True)
@verb
def delete(registry: Registry, *, as_json: bool, **words: Any) -> None:
    """Delete VERSION, which no alias may name; it can be restored until it is purged."""
    finish(registry.delete(**words).to_dict(), as_json)


@click.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@who
@why
@verb
def restore(registry: Registry, *, as_json: bool, **words: Any) -> None:
    """Bring the deleted VERSION back, every byte proven first."""
    with output.progress("restore") as progress:
        done = registry.restore(**words, progress=progress)
    finish(done.to_dict(), as_json)


@click.command()
@click.argument("task")
@click.argument("ref")
@verb
def metrics(registry: Registry, *, as_json: bool, task: str, ref: str) -> None:
    """Print what a version achieved, and the points of its training run."""
    finish(registry.metrics(task, ref).to_dict(), as_json)


@click.command()
@click.argument("task")
@click.argument("model_name")
@click.argument("versions", nargs=-1, required=True)
@click.option("--lower-is-better", multiple=True, metavar="METRIC", help="A metric whose best value is its lowest.")
@option(Verbs.compare, "--path", metavar="FILE")
@verb
def compare(
    registry: Registry,
    *,
    as_json: bool,
    task: str,
    model_name: str,
    versions: tuple[str, ...],
    lower_is_better: tuple[str, ...],
    path: str | None,
) -> None:
    """Compare 2 to 20 VERSIONS; the best value of each metric is marked with *."""
    found = registry.compare(task, model_name, list(versions), path)

    def show(_: dict[str, Any]) -> None:
        if found.file is None:
            output.table(("", *found.versions), _rows(found, lower_is_better))
        elif found.file.kind != "text":
            output.line(f"{found.file.path}: {found.file.kind}")
        else:
            for line in found.file.diff.splitlines():
                output.line(line)
            if found.file.is_cut:
                output.line("The rest is left out: the files differ in too much.", err=True)

    finish(found.to_dict(), as_json, show)


def _rows(found: Comparison, lower_is_better: tuple[str, ...]) -> list[Mapping[str, Any]]:
    names = list(found.versions)
    rows: list[Mapping[str, Any]] = [
        {"": "created_at", **{name: found.versions[name].created_at for name in names}},
        {"": "stage", **{name: found.versions[name].stage for name in names}},
    ]
    for metric, values in sorted(_metrics(found).items()):
        rows.append({"": metric, **_marked(values, lowest=metric in lower_is_better)})
    for kind, names_of in (("param", "params"), ("tag", "tags"), ("from", "provenance")):
        for key, values in found.diff.get(names_of, {}).items():
            rows.append({"": f"{kind} {key}", **values})
    for path, digests in found.diff["files"].items():
        shown = {name: str(digest).removeprefix("sha256:")[:12] if digest else "-" for name, digest in digests.items()}
        rows.append({"": f"file {path}", **shown})
    return rows


def _metrics(found: Comparison) -> dict[str, dict[str, Any]]:
    """Metric -> version -> value: all in which the versions differ, and the plain ones that they share."""
    plain = {
        key: {name: facts.metrics.get(key) for name, facts in found.versions.items()}
        for one in found.versions.values()
        for key, value in one.metrics.items()
        if isinstance(value, (str, bool, int, float))
    }
    return plain | found.diff["metrics"]


def _marked(values: Mapping[str, Any], *, lowest: bool) -> dict[str, Any]:
    numbers = [value for value in values.values() if isinstance(value, (int, float)) and not isinstance(value, bool)]
    best = (min(numbers) if lowest else max(numbers)) if len(numbers) > 1 else None
    return {name: f"{value} *" if best is not None and value == best else value for name, value in values.items()}

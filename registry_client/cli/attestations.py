"""The commands of who vouches for a version, and of what was found wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from registry_core import MAX_DOCUMENT_BYTES, SEVERITIES, VerbsOfEvidence

from . import output
from .command import finish, option, verb, who, why
from .keys import key_options, read_key
from .vouching import subject

if TYPE_CHECKING:
    from .command import Registry

F = TypeVar("F", bound=Callable[..., Any])


@click.command()
@click.argument("task")
@click.argument("ref")
@click.argument("file", type=click.File("rb"), required=False)
@option(VerbsOfEvidence.attest, "--from-package", metavar="PATH")
@who
@why
@verb
def attest(
    registry: Registry,
    *,
    as_json: bool,
    task: str,
    ref: str,
    file: BinaryIO | None,
    from_package: str | None,
    **words: str | None,
) -> None:
    """Have the signed document in FILE (- for standard input) count for a version."""
    if (file is None) is (from_package is None):
        raise click.UsageError("Name either FILE or --from-package.")
    # A byte more than is taken, so that it is refused: whoever names weights by mistake waits for none of the rest.
    document = b"" if file is None else file.read(MAX_DOCUMENT_BYTES + 1)
    finish(registry.attest(task, ref, document, from_package=from_package, **words).to_dict(), as_json)


@click.command()
@click.argument("task")
@click.argument("ref")
@key_options
@click.option("--reject", is_flag=True, help="Say that it must not be used, until you withdraw that.")
@click.option("--withdraw", is_flag=True, help="Take back what you said before.")
@click.option("--comment", help="What you looked at; it is part of what is signed.")
@who
@why
@verb
def approve(
    registry: Registry,
    *,
    as_json: bool,
    task: str,
    ref: str,
    key: Path | None,
    ssh_key: Path | None,
    reject: bool,
    withdraw: bool,
    comment: str | None,
    **words: str | None,
) -> None:
    """Say with your key that the version that REF names was reviewed, and may be used."""
    from registry_core import REVIEW_PREDICATE, sign_statement  # only when it is wanted

    if reject and withdraw:
        raise click.UsageError("Either --reject or --withdraw.")
    private, ssh = read_key(key, ssh_key)
    decision = "reject" if reject else "withdraw" if withdraw else "approve"
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    said = {"decision": decision, "reviewed_at": now, **({} if comment is None else {"comment": comment})}
    found = subject(registry, task, ref)
    document = sign_statement(private, *found.named, REVIEW_PREDICATE, said, ssh=ssh)
    finish(registry.attest(task, found.names, document, **words).to_dict(), as_json)


@click.command()
@click.argument("task")
@click.argument("ref")
@verb
def attestations(registry: Registry, *, as_json: bool, task: str, ref: str) -> None:
    """List who vouches for a version: what was attached to it, and the signatures of its package."""
    finish(registry.attestations(task, ref).to_dict(), as_json, _show_attestations)


def _show_attestations(content: dict[str, Any]) -> None:
    rows = [{**one, "event": one["seq"], "by": _people(one), "when": one["at"]} for one in content["attestations"]]
    output.table(("event", "type", "form", "by", "when", "digest"), rows)
    if content["signatures"]:
        found = [{**one, "by": _people(one)} for one in content["signatures"]]
        output.table(("path", "format", "by", "covers", "why"), found)


def _people(content: dict[str, Any]) -> str:
    return ", ".join(signer["person"] for signer in content["signers"])


@click.group()
def finding() -> None:
    """What was found wrong with a version."""


def _of_version(*words: str) -> Callable[[F], F]:
    """The arguments REF and those words. A model's name and its version may stand in the place of REF."""
    return click.argument("words", nargs=-1, required=True, metavar=" ".join(("REF", *words)))


def _split(words: tuple[str, ...], count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what names the version, the ``count`` words behind it). Raises ``click.UsageError``."""
    named, rest = words[:-count], words[-count:]
    if len(named) == 1 or (len(named) == 2 and "@" not in named[0]):
        return named, rest
    context = click.get_current_context()
    raise click.UsageError(f"It takes {' '.join(context.command.collect_usage_pieces(context)[1:])}.", context)


def _version(registry: Registry, task: str, named: tuple[str, ...]) -> dict[str, str]:
    """The version that is meant, as the verbs take it. Raises as ``findings``."""
    if len(named) == 2:
        return {"task": task, "model_name": named[0], "version": named[1]}
    found = registry.findings(task, named[0])
    return {"task": task, "model_name": found.model_name, "version": found.version}


def _id(word: str) -> int:
    return int(click.IntRange(min=1)(word, ctx=click.get_current_context()))


@finding.command(name="open")
@click.argument("task")
@_of_version("SEVERITY", "TITLE")
@option(VerbsOfEvidence.open_finding, "--url")
@who
@why
@verb
def finding_open(registry: Registry, *, as_json: bool, task: str, words: tuple[str, ...], **more: Any) -> None:
    """Say what is wrong with the version that REF names now."""
    named, (severity, title) = _split(words, 2)
    severity = click.Choice(SEVERITIES).convert(severity, None, click.get_current_context())
    version = _version(registry, task, named)
    finish(registry.open_finding(**version, severity=severity, title=title, **more).to_dict(), as_json)


@finding.command(name="resolve")
@click.argument("task")
@_of_version("ID")
@who
@why
@verb
def finding_resolve(registry: Registry, *, as_json: bool, task: str, words: tuple[str, ...], **more: Any) -> None:
    """Say that the finding of event ID is mended, or is not so; --reason says why."""
    named, (event,) = _split(words, 1)
    about: dict[str, Any] = {"id": _id(event), **_version(registry, task, named)}
    finish(registry.resolve_finding(**about, **more).to_dict(), as_json)


@finding.command(name="dismiss")
@click.argument("task")
@_of_version("ID")
@click.option("--attestation", is_flag=True, help="ID is the event of a reject, which blocks no longer.")
@who
@why
@verb
def finding_dismiss(
    registry: Registry, *, as_json: bool, task: str, words: tuple[str, ...], attestation: bool, **more: Any
) -> None:
    """Have the finding of event ID count no longer, whatever it says; for admins. --reason says why."""
    named, (event,) = _split(words, 1)
    about: dict[str, Any] = {"id": _id(event), **_version(registry, task, named)}
    done = registry.dismiss_attestation if attestation else registry.dismiss_finding
    finish(done(**about, **more).to_dict(), as_json)


@finding.command(name="list")
@click.argument("task")
@click.argument("ref")
@verb
def finding_list(registry: Registry, *, as_json: bool, task: str, ref: str) -> None:
    """List what was found of a version, the ended ones too."""
    finish(registry.findings(task, ref).to_dict(), as_json, _show_findings)


def _show_findings(content: dict[str, Any]) -> None:
    rows = [{**one, "state": "open" if one["is_open"] else "ended"} for one in content["findings"]]
    output.table(("id", "severity", "title", "state", "at", "actor"), rows)

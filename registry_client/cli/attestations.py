"""The commands of who vouches for a version, and of what was found wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from registry_core import MAX_DOCUMENT_BYTES, SEVERITIES, VerbsOfEvidence

from . import output
from .command import finish, option, verb, who, why
from .keys import key_options, read_key
from .vouching import subject

if TYPE_CHECKING:
    from .command import Registry


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


@finding.command(name="open")
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@click.argument("severity", type=click.Choice(SEVERITIES))
@click.argument("title")
@option(VerbsOfEvidence.open_finding, "--url")
@who
@why
@verb
def finding_open(registry: Registry, *, as_json: bool, **words: Any) -> None:
    """Say what is wrong with a version."""
    finish(registry.open_finding(**words).to_dict(), as_json)


@finding.command(name="resolve")
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@click.argument("id", type=click.IntRange(min=1))
@who
@why
@verb
def finding_resolve(registry: Registry, *, as_json: bool, **words: Any) -> None:
    """Say that the finding of event ID is mended, or is not so; --reason says why."""
    finish(registry.resolve_finding(**words).to_dict(), as_json)


@finding.command(name="dismiss")
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@click.argument("id", type=click.IntRange(min=1))
@click.option("--attestation", is_flag=True, help="ID is the event of a reject, which blocks no longer.")
@who
@why
@verb
def finding_dismiss(registry: Registry, *, as_json: bool, attestation: bool, **words: Any) -> None:
    """Have the finding of event ID count no longer, whatever it says; for admins. --reason says why."""
    done = registry.dismiss_attestation(**words) if attestation else registry.dismiss_finding(**words)
    finish(done.to_dict(), as_json)


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

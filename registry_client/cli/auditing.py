"""The commands that prove: journals, and the log from a note that was kept; and what outsiders need for that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry_core import MOST_NOTE_BYTES

from . import output
from .command import EXIT_DAMAGED, audited, finish, local_verb, plain_verb, root_of

if TYPE_CHECKING:
    from registry_core import ModelRegistry


@click.group()
def audit() -> None:
    """Prove journals, and that the log only grew."""


@audit.command(name="verify")
@click.option("--expect-head", metavar="SEQ:DIGEST", help="An earlier head, which the journal must extend.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="NOTE",
    help="A signed note that was kept elsewhere: the log must go on from it. TASK may be an export then.",
)
@click.option("--vkey", "vkeys", multiple=True, metavar="LINE|FILE", help="The key's line that was kept, or its file.")
@click.option("--full", is_flag=True, help="Have all journals read anew, as is done of a root and of an export anyway.")
@audited
def audit_verify(
    registry: Any,
    *,
    as_json: bool,
    task: str | None,
    model_name: str | None,
    expect_head: str | None,
    checkpoint: Path | None,
    vkeys: tuple[str, ...],
    full: bool,
) -> None:
    """Prove the journal of a model, or of the registry itself, and print its head to be kept elsewhere.

    With --checkpoint and --vkey prove that the log of the registry, or of the directory that 'omr audit export' has
    made, goes on from the note that was kept, and print the newest note to be kept in its place.
    """
    if checkpoint is not None:
        _verify_log(registry, as_json, checkpoint, vkeys, full)
        return
    if vkeys or full:
        raise click.UsageError("--vkey and --full are for --checkpoint.")
    if task is None or model_name is None:
        proof = registry.registry_audit_verify(expect_head=expect_head)
    else:
        proof = registry.audit_verify(task, model_name, expect_head=expect_head)

    def show(_: dict[str, Any]) -> None:
        output.line(f"intact: {proof.events} events, head {proof.head}")

    finish(proof.to_dict(), as_json, show)


def _verify_log(registry: Any, as_json: bool, checkpoint: Path, vkeys: tuple[str, ...], full: bool) -> None:
    if full and hasattr(registry, "url"):
        raise click.UsageError("--full reads all journals: of a root, or of what 'omr audit export' has made of one.")
    proof = registry.prove_log(_head(checkpoint), [line for key in vkeys for line in _lines(key)])

    def show(said: dict[str, Any]) -> None:
        output.line(
            f"intact: of {said['size']} lines of {said['origin']} the first {said['from_size']} are those signed"
        )
        output.lines(said["checkpoint"] or "")

    finish(proof.to_dict(), as_json, show)


def _lines(key: str) -> list[str]:
    """The lines of keys in a file, or the one that was given."""
    try:
        text = _head(Path(key)).decode(errors="replace")
    except (OSError, ValueError):
        return [key]
    return [line for line in text.splitlines() if line.strip()]


def _head(file: Path) -> bytes:
    """All bytes of a file that can be a note or keys; of another one a few more than that."""
    with file.open("rb") as reader:
        return reader.read(MOST_NOTE_BYTES + 1)


@audit.command(name="export")
@click.argument("directory", type=click.Path(path_type=Path))
@local_verb
def audit_export(registry: ModelRegistry, *, as_json: bool, directory: Path) -> None:
    """Write what proves the log and the gates into the new DIRECTORY, for whoever has nothing else.

    All journals, the documents and envelopes that their events name, the newest note and its key; no packages.
    """
    finish(registry.export_log(directory).to_dict(), as_json)


@audit.command(name="gates")
@click.argument("task", required=False)
@click.argument("model_name", required=False)
@click.option("--from", "exported", type=click.Path(exists=True, file_okay=False), help="A copy by 'omr audit export'.")
@plain_verb
def audit_gates(_: None, *, as_json: bool, task: str | None, model_name: str | None, exported: str | None) -> None:
    """Come to every verdict of gates again, by journals and their documents alone, and name what differs."""
    from registry_core import ModelRegistry

    if (task is None) != (model_name is None):
        raise click.UsageError("Name TASK and MODEL_NAME, or neither.")
    root = exported if exported is not None else root_of(click.get_current_context())
    found = ModelRegistry.open(root).audit_gates(task, model_name)

    def show(content: dict[str, Any]) -> None:
        output.line(f"{content['verdicts']} verdicts, {len(content['faults'])} that differ")
        if content["faults"]:
            output.table(("task", "model_name", "seq", "alias", "fault"), content["faults"])

    finish(found.to_dict(), as_json, show)
    if found.faults:
        click.get_current_context().exit(EXIT_DAMAGED)

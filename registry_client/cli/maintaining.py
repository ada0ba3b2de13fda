"""The commands of the operator, where the registry lies: init, sweep, check, purge, adopt, migrate, reindex."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from . import output
from .command import EXIT_DAMAGED, EXIT_UNFINISHED, Age, finish, local_verb, making_verb, who, why

if TYPE_CHECKING:
    from registry_core import ModelRegistry


def exit_for(*, is_damaged: bool, is_unfinished: bool) -> None:
    """The process ends with the code for what was found, the worse first; it goes on if nothing was."""
    if is_damaged or is_unfinished:
        click.get_current_context().exit(EXIT_DAMAGED if is_damaged else EXIT_UNFINISHED)


@click.command()
@making_verb
def init(registry: ModelRegistry, *, as_json: bool) -> None:
    """Make the root a registry, if it is none; print its id."""
    finish({"id": registry.id}, as_json, lambda content: output.line(content["id"]))


@click.command()
@click.option("--older-than", type=Age(), default="24h", show_default=True, help="Leave younger staging alone.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@local_verb
def sweep(registry: ModelRegistry, *, as_json: bool, older_than: float, dry_run: bool) -> None:
    """Finish what crashes left, and remove abandoned staging."""
    report = registry.sweep(older_than, dry_run=dry_run)
    finish(report.to_dict(), as_json)
    damaged = any(finding.severity == "damage" for finding in report.refused)
    exit_for(is_damaged=damaged, is_unfinished=bool(report.refused or (dry_run and report.finished)))


@click.command()
@local_verb
def check(registry: ModelRegistry, *, as_json: bool) -> None:
    """Compare journals, versions, aliases and manifests of the whole registry."""
    report = registry.check()
    content = {"clean": report.is_clean, **report.to_dict()}

    def show(content: dict[str, Any]) -> None:
        for finding in content["findings"]:
            output.line(f"{finding['severity']}: {finding['where']}: {finding['message']}")
            if finding["command"] is not None:
                output.line(f"  to mend it: {finding['command']}")
        counts = f"{report.models} models, {report.versions} versions, {report.events} events"
        output.line(f"{'clean' if report.is_clean else 'DAMAGED'}: {counts}")

    if as_json:
        output.as_json({"ok": report.is_clean, **content})
    else:
        show(content)
    exit_for(is_damaged=not report.is_clean, is_unfinished=not report.is_finished)


@click.command()
@click.argument("destination")
@click.option("--merge", is_flag=True, help="Copy into another registry too, which stays what it is.")
@local_verb
def migrate(registry: ModelRegistry, *, as_json: bool, destination: str, merge: bool) -> None:
    """Copy the registry to DESTINATION, a directory or a storage URI; run again to catch up."""
    from registry_core import CoreSettings, ModelRegistry, NotConfigured

    settings = replace(CoreSettings.from_env(), create=True, id=None)  # those are said of the source
    try:
        target = ModelRegistry.open(destination, settings=settings)
    except NotConfigured as error:
        said = error.message
        if error.detail.get("reason") == "root_missing":  # by the words for the registry's own root it would be that
            said = "It is not there, or is no directory. Make it first, empty."
        raise NotConfigured(f"Nothing can be copied to {destination}: {said}", **error.detail) from None
    with output.progress("migrate") as progress:
        done = registry.migrate_to(target, merge=merge, progress=progress)
    finish(done.to_dict(), as_json)


@click.command()
@click.option("--older-than", type=Age(), default="30d", show_default=True, help="Keep what was deleted later.")
@click.option("--dry-run", is_flag=True, help="Only say what would be given up.")
@click.option("--old-versions", is_flag=True, help="Also what a bucket with versioning keeps of purged versions.")
@who
@why
@local_verb
def purge(
    registry: ModelRegistry, *, as_json: bool, older_than: float, dry_run: bool, old_versions: bool, **words: Any
) -> None:
    """Give up the bytes of versions deleted long ago; tombstones stay, names are never used again."""
    done = registry.purge(older_than, dry_run=dry_run, old_versions=old_versions, **words)

    def show(content: dict[str, Any]) -> None:
        for title in content["purged"]:
            output.line(f"{'would purge' if dry_run else 'purged'}: {title}")
        for title in content.get("cleared", []):
            output.line(f"old versions {'would be removed' if dry_run else 'removed'}: {title}")
        freed = f"{content['bytes_freed']} bytes {'would be freed' if dry_run else 'freed'}"
        output.line(f"{len(content['purged'])} versions, {freed}; {len(content['kept'])} deleted later are kept")

    finish(done.to_dict(), as_json, show)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only report what was found.")
@who
@why
@local_verb
def adopt(registry: ModelRegistry, *, as_json: bool, dry_run: bool, **words: Any) -> None:
    """Prove older software's versions from now on: a register event over all their files as they are."""
    with output.progress("adopt") as progress:
        done = registry.adopt(dry_run=dry_run, progress=progress, **words)

    def show(content: dict[str, Any]) -> None:
        for finding in [*content["noticed"], *content["refused"]]:
            output.line(f"{finding['severity']}: {finding['where']}: {finding['message']}")
        for title in content["adopted"]:
            output.line(f"{'would adopt' if dry_run else 'adopted'}: {title}")
        counts = f"{len(content['adopted'])} adopted, {content['already']} registered before"
        output.line(f"{counts}, {len(content['refused'])} left alone")

    finish(done.to_dict(), as_json, show)


@click.command()
@local_verb
def reindex(registry: ModelRegistry, *, as_json: bool) -> None:
    """Make the catalogue anew from nothing but the registry."""
    with output.counter("models") as count:
        done = registry.reindex(progress=lambda state: count(state.models_done, state.models_total))
    finish(done.to_dict(), as_json)

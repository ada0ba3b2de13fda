"""What a page says after a change: what happened, its number in the journal, and how it is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from registry_core import Event, RegistryError

from ..web.root import current_registry

ARCHIVED = "archived"
_NEEDS = {"delete": "delete", "restore": "delete", "patch": "write", "tag": "write"}


@dataclass(frozen=True)
class Happened:
    """An event, and the address of the page that takes it back; None where none does."""

    task: str
    model_name: str
    event: Event
    undo: str | None

    @property
    def needs(self) -> str:
        """The action that takes it back."""
        return _NEEDS.get(self.event.event, "promote")


def asked_for() -> Happened | None:
    """The event that the address of a model's page names as ``done``; None where it names none that is there."""
    seq = request.args.get("done", "")
    place = request.view_args or {}
    if not (seq.isascii() and seq.isdigit() and len(seq) < 16 and "task" in place and "model_name" in place):
        return None
    task, model_name = place["task"], place["model_name"]
    try:
        found = current_registry().history(task, model_name, after=max(0, int(seq) - 1), limit=1).events
    except RegistryError:
        return None  # the page itself says so
    if not found or found[0].seq != int(seq):
        return None
    return Happened(task, model_name, found[0], _undo(task, model_name, found[0]))


def _undo(task: str, model_name: str, event: Event) -> str | None:
    of_alias: dict[str, Any] = {"task": task, "model_name": model_name, "alias": event.alias}
    of_version: dict[str, Any] = {"task": task, "model_name": model_name, "version": event.version}
    before = event.previous_version
    if event.event in ("promote", "rollback"):
        if before == event.version:
            return None
        return (
            url_for("pages.unalias", **of_alias) if before is None else url_for("pages.rollback", **of_alias, to=before)
        )
    if event.event == "unalias":
        return url_for("pages.promote", **of_alias, version=before)
    if event.event == "stage" and before in (None, event.version):
        is_archived = bool((event.set or {}).get(ARCHIVED))
        return url_for("pages.unarchive" if is_archived else "pages.archive", **of_version)
    opposite = {"delete": "restore", "restore": "delete", "patch": "describe", "tag": "describe"}.get(event.event)
    return None if opposite is None else url_for(f"pages.{opposite}", **of_version)

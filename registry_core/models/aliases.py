"""Alias documents: where a movable name points, and since which event."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..format.chain import Line
from ..format.layout import ModelKeys
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.answers import Alias
from ..vocabulary.errors import PackageCorrupt
from ..vocabulary.names import can_be_of_a_file
from ..vocabulary.stages import ALIAS_STAGES, ARCHIVED, NO_STAGE
from . import older
from .projections import Fields, Projection, seq_of

SUFFIX = ".json"
LATEST = "latest"  # what a register moves, unless it is told otherwise


def projection(keys: ModelKeys, event: Fields) -> Projection:
    """The alias's document after the event, which makes, moves or removes the alias."""
    version = event["version"]  # None: the event removes the alias
    document = {
        "task": event["task"],
        "model_name": event["model_name"],
        "alias": event["alias"],
        "version": version,
        "updated_at": event["ts_utc"],
        "actor": event["actor"],
        "reason": event["reason"],
    }

    says = "is not removed yet" if version is None else f"does not name {version} yet"
    return Projection(
        keys.alias(event["alias"]),
        event["seq"],
        f"alias {event['alias']} {says}",
        lambda _: document,
        lambda found: older.gives_way(found, event),
    )


def parse(alias: str, data: bytes) -> Alias | None:
    """The document's content, older software's included. Raises ``PackageCorrupt``.

    None for an alias that was removed: on an object store its document stays, naming no version.
    """
    try:
        fields = json.loads(data)
        version = fields["version"]
        readable = version is None or (isinstance(version, str) and can_be_of_a_file(version))
    except (ValueError, RecursionError, KeyError, TypeError):
        readable = False
    if not readable:
        raise PackageCorrupt(
            f"The document of alias {alias!r} is damaged. Promote the alias again to write it anew; "
            "its history is in the journal.",
            problems=[{"path": f"aliases/{alias}{SUFFIX}", "kind": "unreadable", "expected": None, "actual": None}],
        )
    if version is None:
        return None
    return Alias(
        alias=alias,
        version=version,
        updated_at=_text(fields.get("updated_at")),
        actor=_text(fields.get("actor")),
        reason=_text(fields.get("reason")),
        seq=seq_of(fields),
    )


def last_move(lines: Iterable[Line], alias: str) -> Line | None:
    """The last event of the alias, which may be its removal."""
    found = None
    for line in lines:
        if line.get("alias") == alias:
            found = line
    return found


def moved_by(line: Line) -> Alias:
    """The alias as the event, which names a version, has left it."""
    return Alias(
        alias=line.get("alias"),
        version=line.get("version"),
        updated_at=_text(line.get("ts_utc")),
        actor=_text(line.get("actor")),
        reason=_text(line.get("reason")),
        seq=line.seq if line.is_own else None,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def read(storage: Storage, keys: ModelKeys, alias: str) -> Alias | None:
    """The alias, or None if there is none. Raises ``PackageCorrupt``."""
    try:
        return parse(alias, storage.documents.read(keys.alias(alias)).data)
    except KeyNotFound:
        return None


def replay(lines: Iterable[Line], alias: str) -> Alias | None:
    """The alias as the journal's lines leave it."""
    last = last_move(lines, alias)
    return moved_by(last) if last is not None and isinstance(last.get("version"), str) else None


def names(storage: Storage, keys: ModelKeys) -> list[str]:
    """The model's aliases, sorted."""
    found = (entry.name for entry in storage.documents.list(keys.aliases) if entry.kind == "file")
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))


def stage_of(pointing: list[str], *, is_archived: bool = False) -> str:
    """The stage of a version that these aliases name: production before staging before archived, else none."""
    return next((stage for stage in ALIAS_STAGES if stage in pointing), ARCHIVED if is_archived else NO_STAGE)

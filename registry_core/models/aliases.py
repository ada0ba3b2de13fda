"""Alias documents: where a movable name points, and since which event."""

from __future__ import annotations

import json
from typing import Any

from ..format.chain import Line
from ..format.layout import ModelKeys
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.answers import Alias
from ..vocabulary.errors import PackageCorrupt
from ..vocabulary.stages import ALIAS_STAGES, ARCHIVED, NO_STAGE
from ..vocabulary.texts import can_be_of_a_file, text_or_none
from . import older
from .projections import Fields, Projection, is_about, seq_of

SUFFIX = ".json"
LATEST = "latest"  # what a register moves, unless it is told otherwise


def moves(event: Fields) -> dict[str, Any]:
    """Alias -> what it names after the event, None where the event has removed it; of all that the event moves."""
    gone, alias = event.get("unaliased"), event.get("alias")
    moved = dict.fromkeys(name for name in gone if isinstance(name, str)) if isinstance(gone, list) else {}
    return {**moved, alias: event.get("version")} if isinstance(alias, str) else moved


def projection(keys: ModelKeys, event: Fields, alias: str) -> Projection:
    """The alias's document after the event, which makes, moves or removes the alias."""
    version = moves(event)[alias]  # None: the event removes the alias
    document = {
        **keys.names,
        "alias": alias,
        "version": version,
        "updated_at": event.get("ts_utc"),
        "actor": event.get("actor"),
        "reason": event.get("reason"),
    }

    says = "is not removed yet" if version is None else f"does not name {version} yet"
    return Projection(
        keys.alias(alias),
        event["seq"],
        f"alias {alias} {says}",
        lambda _: document,
        lambda found: older.gives_way(found, event),
    )


def parse(keys: ModelKeys, alias: str, data: bytes) -> Alias | int | None:
    """The document's content, older software's included. Raises ``PackageCorrupt``, for another alias's document too.

    Of an alias that was removed the event that did so: on an object store its document stays, naming no version.
    """
    try:
        fields = json.loads(data)
        version = fields["version"]
        readable = version is None or (isinstance(version, str) and can_be_of_a_file(version))
        seq = seq_of(fields)
        readable = readable and (seq is None or is_about(fields, {**keys.names, "alias": alias}))
    except (ValueError, RecursionError, KeyError, TypeError):
        readable = False
    if not readable:
        raise PackageCorrupt(
            f"The document of alias {alias!r} is damaged. Promote the alias again to write it anew; "
            "its history is in the journal.",
            problems=[{"path": f"aliases/{alias}{SUFFIX}", "kind": "unreadable", "expected": None, "actual": None}],
        )
    if version is None:
        return seq
    return Alias(
        alias=alias,
        version=version,
        updated_at=text_or_none(fields.get("updated_at")),
        actor=text_or_none(fields.get("actor")),
        reason=text_or_none(fields.get("reason")),
        seq=seq,
    )


def named_after(line: Line, alias: str) -> str | None:
    """The version that the alias names after the event, which has moved it; None where it has removed it."""
    version = moves(line.fields or {}).get(alias)
    return version if isinstance(version, str) else None


def moved_by(line: Line, alias: str) -> Alias:
    """The alias as the event has left it; one that it removed has the version that it named."""
    return Alias(
        alias=alias,
        version=line.get("version"),
        updated_at=text_or_none(line.get("ts_utc")),
        actor=text_or_none(line.get("actor")),
        reason=text_or_none(line.get("reason")),
        seq=line.seq if line.is_own else None,
    )


def read(storage: Storage, keys: ModelKeys, alias: str) -> Alias | None:
    """The alias, or None if there is none. Raises ``PackageCorrupt``."""
    found = document(storage, keys, alias)
    return found if isinstance(found, Alias) else None


def document(storage: Storage, keys: ModelKeys, alias: str) -> Alias | int | None:
    """As :func:`parse`; None if there is no document. Raises ``PackageCorrupt``."""
    try:
        return parse(keys, alias, storage.documents.read(keys.alias(alias)).data)
    except KeyNotFound:
        return None


def left_by(last: Line | None, alias: str) -> Alias | None:
    """The alias as ``last``, the newest of its moves, leaves it; None if that removed it, or none moved it."""
    return moved_by(last, alias) if last is not None and named_after(last, alias) is not None else None


def names(storage: Storage, keys: ModelKeys) -> list[str]:
    """The model's aliases, sorted; those too in whose place something lies that is no file, as a link."""
    found = storage.documents.names(keys.aliases)
    return sorted([name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)])


def count_after(storage: Storage, keys: ModelKeys, event: Fields) -> int | None:
    """How many aliases there are after the event, by the count that its forerunner left; None where nobody counts."""
    seq, count = storage.documents.noted(keys.model)
    if seq is None:
        return None  # of the first event, or where nothing is noted
    if count is None or seq != event["seq"] - 1:
        count = len(names(storage, keys))
    for alias, version in moves(event).items():
        was_there = alias != event["alias"] or event["previous_version"] is not None
        count += (version is not None) - was_there
    return max(0, count)


def stage_of(pointing: list[str], *, is_archived: bool = False) -> str:
    """The stage of a version that these aliases name: production before staging before archived, else none."""
    return next((stage for stage in ALIAS_STAGES if stage in pointing), ARCHIVED if is_archived else NO_STAGE)

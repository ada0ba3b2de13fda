"""What is kept of a deleted version: which bytes it was, and who removed it when and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..format.chain import Line
from ..format.events import DELETE, PURGE, RESTORE
from ..format.layout import ModelKeys
from ..storage.contract import Storage
from ..vocabulary.answers import Tombstone
from . import projections
from .projections import Fields, Projection, seq_of

MOVES = (DELETE, RESTORE, PURGE)


def projection(keys: ModelKeys, event: Fields, history: Callable[[], Iterable[Line]]) -> Projection:
    """The version's tombstone after a delete, restore or purge.

    ``history`` gives the model's events, to make a damaged document anew.
    """
    version = event["version"]

    def render(old: Fields | None) -> Fields:
        if event["event"] == RESTORE:
            return {"version": None}
        if event["event"] == PURGE:
            if projections.is_damaged(old, {**keys.names, "version": version}):
                old = replay(keys, (line for line in history() if line.seq < event["seq"]), version)
            kept = {name: value for name, value in (old or {}).items() if name != "seq"}
            by, why = event.get("actor"), event.get("reason")
            return {**kept, "version": version, "purged_at": event.get("ts_utc"), "purged_by": by, "purge_reason": why}
        return {
            **keys.names,
            "version": version,
            "package_digest": event.get("package_digest"),
            "deleted_at": event.get("ts_utc"),
            "actor": event.get("actor"),
            "reason": event.get("reason"),
            "purged_at": None,
        }

    return Projection(keys.tombstone(version), event["seq"], f"the tombstone of {version} is not written yet", render)


def read(storage: Storage, keys: ModelKeys, version: str) -> Fields | None:
    """The tombstone of a version that is deleted now. Raises ``ValueError`` for one that is damaged."""
    fields = projections.read(storage, keys.tombstone(version))
    if projections.is_damaged(fields or {}, {**keys.names, "version": version}):
        raise ValueError(keys.tombstone(version))  # every such document is ours
    return fields


def replay(keys: ModelKeys, lines: Iterable[Line], version: str) -> Fields | None:
    """The version's tombstone after the events; None if it is not deleted then."""
    fields: Fields | None = None
    for line in lines:
        if line.fields is not None and line.is_own and line.get("version") == version and line.get("event") in MOVES:
            shown = projection(keys, line.fields, lambda: ()).render(fields or {})
            fields = None if shown["version"] is None else {**shown, "seq": line.seq}
    return fields


def shown(version: str, fields: Fields | None, *, names_nobody: bool = False) -> Tombstone | None:
    """What the tombstone's fields say, as callers see it; with ``names_nobody`` not who deleted the version."""
    if fields is None:
        return None
    names = ("package_digest", "deleted_at", "reason", "purged_at")
    actor = None if names_nobody else fields.get("actor")
    return Tombstone(version=version, seq=seq_of(fields), actor=actor, **{name: fields.get(name) for name in names})

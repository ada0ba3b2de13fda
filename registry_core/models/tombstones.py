"""What is kept of a deleted version: which bytes it was, and who removed it when and why."""

from __future__ import annotations

from ..format.events import PURGE, RESTORE
from ..format.layout import ModelKeys
from ..storage.contract import Storage
from ..vocabulary.answers import Tombstone
from . import projections
from .projections import Fields, Projection, seq_of


def projection(keys: ModelKeys, event: Fields) -> Projection:
    """The version's tombstone after a delete, restore or purge."""
    version = event["version"]

    def render(old: Fields | None) -> Fields:
        if event["event"] == RESTORE:
            return {"version": None}
        if event["event"] == PURGE:
            kept = {name: value for name, value in (old or {}).items() if name != "seq"}
            purged = {"purged_at": event["ts_utc"], "purged_by": event["actor"], "purge_reason": event["reason"]}
            return {**kept, "version": version, **purged}
        return {
            "task": event["task"],
            "model_name": event["model_name"],
            "version": version,
            "package_digest": event["package_digest"],
            "deleted_at": event["ts_utc"],
            "actor": event["actor"],
            "reason": event["reason"],
            "purged_at": None,
        }

    return Projection(keys.tombstone(version), event["seq"], f"the tombstone of {version} is not written yet", render)


def read(storage: Storage, keys: ModelKeys, version: str) -> Fields | None:
    """The tombstone of a version that is deleted now; an unreadable one says only that it is."""
    try:
        return projections.read(storage, keys.tombstone(version))
    except ValueError:
        return {"version": version}


def shown(version: str, fields: Fields | None) -> Tombstone | None:
    """What the tombstone's fields say, as callers see it."""
    if fields is None:
        return None
    names = ("package_digest", "deleted_at", "actor", "reason", "purged_at")
    return Tombstone(version=version, seq=seq_of(fields), **{name: fields.get(name) for name in names})

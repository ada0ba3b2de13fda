"""What an event does to a version's package as a whole: it is retired, reinstated, given up, annotated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..format.events import DELETE, PURGE, RESTORE
from ..storage.contract import Facts, Storage
from .model import ModelStore


def follow(model: ModelStore, event: Mapping[str, Any]) -> None:
    """The package is where and as the event says. Repeatable; most events say nothing about it.

    Raises ``KeyNotFound`` and ``PreconditionFailed`` as ``Storage.retire``.
    """
    storage, version, seq = model.storage, event["version"], event["seq"]
    if event["event"] == DELETE:
        storage.retire(model.keys.package(version), model.keys.grave(version), seq)
    elif event["event"] == RESTORE:
        storage.reinstate(model.keys.package(version), model.keys.grave(version), seq)
        _forget_manifest(storage, model.keys.kept_manifest(version))
    elif event["event"] == PURGE:
        storage.erase(model.keys.package(version), model.keys.grave(version))
    if event.get("adopted"):
        registered = Facts(seq, event["package_digest"])
        storage.annotate(model.keys.package(version), seq, {"adopted": True}, registered)
    archived = _archived(event)
    if archived is not None:
        notes = {"archived": archived, "reason": event["reason"] if archived else None}
        storage.annotate(model.keys.package(version), seq, notes)


def is_behind(model: ModelStore, event: Mapping[str, Any]) -> bool:
    """Whether the package is not yet where the event says. Writes nothing."""
    version = event["version"]
    if event["event"] == DELETE:
        return model.locate(version) is not None
    if event["event"] == RESTORE:
        return model.locate(version) is None
    if event["event"] == PURGE:
        return model.storage.retired(model.keys.package(version), model.keys.grave(version)) is not None
    if event.get("adopted"):
        facts = model.storage.facts(model.keys.package(version))
        return facts is not None and not facts.notes.get("adopted")
    return False


def _archived(event: Mapping[str, Any]) -> bool | None:
    changed = event.get("set")
    archived = changed.get("archived") if isinstance(changed, Mapping) else None
    return archived if isinstance(archived, bool) else None


def _forget_manifest(storage: Storage, key: str) -> None:
    # Without locks a slow replica might remove the one that a later delete has kept.
    if storage.has_locks:
        storage.delete(key)

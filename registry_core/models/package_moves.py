"""What an event does to a version's package as a whole: published, retired, reinstated, given up, annotated."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..format.events import DELETE, PURGE, REGISTER, RESTORE
from ..format.layout import ModelKeys
from ..storage.contract import Facts, KeyNotFound, PreconditionFailed, Storage

log = logging.getLogger(__name__)

Event = Mapping[str, Any]


def follow(storage: Storage, keys: ModelKeys, event: Event) -> None:
    """The package is where and as the event says. Repeatable; most events say nothing about it.

    Raises ``KeyNotFound`` and ``PreconditionFailed`` as ``Packages.retire``.
    """
    version, seq = event["version"], event["seq"]
    if event["event"] == DELETE:
        storage.packages.retire(keys.package(version), keys.grave(version), seq)
    elif event["event"] == RESTORE:
        storage.packages.reinstate(keys.package(version), keys.grave(version), seq)
        # A later delete may have kept it again, if a slow replica comes here after that.
        storage.documents.delete_if_locked(keys.kept_manifest(version))
    elif event["event"] == PURGE:
        storage.packages.erase(keys.package(version), keys.grave(version))
    if event.get("adopted"):
        storage.packages.annotate(keys.package(version), seq, {"adopted": True}, facts_of(event))
    archived = _archived(event)
    if archived is not None:
        notes = {"archived": archived, "reason": event["reason"] if archived else None}
        storage.packages.annotate(keys.package(version), seq, notes)


def recover(storage: Storage, keys: ModelKeys, event: Event) -> None:
    """As :func:`follow`, after a crash, publishing what was staged; what cannot be done is logged and left."""
    try:
        if _lacks_package(storage, keys, event):
            storage.packages.stage(keys.package(event["version"]), event["attempt"]).publish(facts_of(event))
        follow(storage, keys, event)
    except (KeyNotFound, PreconditionFailed):
        # The bytes are gone, or others stand in their place: nothing may be invented or replaced. `check`
        # reports the version; the model stays usable.
        log.error(
            "%s/%s: version %s cannot be made what event %s says",
            keys.task, keys.model_name, event["version"], event["seq"],
        )  # fmt: skip


def behind(storage: Storage, keys: ModelKeys, event: Event) -> list[str]:
    """What the event says of the package and is not true yet, in words. Writes nothing."""
    if _lacks_package(storage, keys, event):
        return [f"version {event['version']} is registered but not published"]
    if _is_unmoved(storage, keys, event):
        return [f"version {event['version']} is not moved as its {event['event']} says"]
    return []


def facts_of(event: Event) -> Facts:
    """What a register event says of its package."""
    return Facts(event["seq"], event["package_digest"])


def _lacks_package(storage: Storage, keys: ModelKeys, event: Event) -> bool:
    if event["event"] != REGISTER or event.get("adopted"):
        return False
    return not storage.packages.sealed(keys.package(event["version"]))


def _is_unmoved(storage: Storage, keys: ModelKeys, event: Event) -> bool:
    version = event["version"]
    if event["event"] == DELETE:
        return _is_there(storage, keys.package(version))
    if event["event"] == RESTORE:
        return not _is_there(storage, keys.package(version))
    if event["event"] == PURGE:
        return storage.packages.retired(keys.package(version), keys.grave(version)) is not None
    if event.get("adopted"):
        facts = storage.packages.facts(keys.package(version))
        return facts is not None and not facts.notes.get("adopted")
    return False


def _is_there(storage: Storage, package: str) -> bool:
    try:
        storage.packages.locate(package)
    except KeyNotFound:
        return False
    return True


def _archived(event: Event) -> bool | None:
    changed = event.get("set")
    archived = changed.get("archived") if isinstance(changed, Mapping) else None
    return archived if isinstance(archived, bool) else None

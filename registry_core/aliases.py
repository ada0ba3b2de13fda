"""Alias documents: where a movable name points, and since which event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .errors import PackageCorrupt
from .layout import ModelKeys
from .metadata import encode_document
from .model import Alias
from .storage.base import KeyNotFound, Storage

SUFFIX = ".json"
STAGES = ("production", "staging")  # the aliases that are stages too, the stronger one first


def document(event: Mapping[str, Any]) -> bytes:
    """The alias document that the event makes true."""
    return encode_document(
        {
            "task": event["task"],
            "model_name": event["model_name"],
            "alias": event["alias"],
            "version": event["version"],
            "updated_at": event["ts_utc"],
            "actor": event["actor"],
            "reason": event["reason"],
            "seq": event["seq"],
        }
    )


def parse(alias: str, data: bytes) -> Alias:
    """The document's content, older software's included. Raises ``PackageCorrupt``."""
    try:
        fields = json.loads(data)
        version = fields["version"]
    except (ValueError, RecursionError, KeyError, TypeError):
        version = None
    if not isinstance(version, str):
        raise PackageCorrupt(
            f"The document of alias {alias!r} is damaged. Promote the alias again to write it anew; "
            "its history is in the journal.",
            problems=[{"path": f"aliases/{alias}{SUFFIX}", "kind": "unreadable", "expected": None, "actual": None}],
        )
    seq = fields.get("seq")
    return Alias(
        alias=alias,
        version=version,
        updated_at=_text(fields.get("updated_at")),
        actor=_text(fields.get("actor")),
        reason=_text(fields.get("reason")),
        seq=seq if isinstance(seq, int) else None,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def read(storage: Storage, keys: ModelKeys, alias: str) -> Alias | None:
    """The alias, or None if there is none. Raises ``PackageCorrupt``."""
    try:
        return parse(alias, storage.read(keys.alias(alias)).data)
    except KeyNotFound:
        return None


def names(storage: Storage, keys: ModelKeys) -> list[str]:
    """The model's aliases, sorted."""
    found = (entry.name for entry in storage.list(keys.aliases) if entry.kind == "file")
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))


def stage_of(pointing: list[str]) -> str:
    """The stage of a version that these aliases name: production before staging, else none."""
    return next((stage for stage in STAGES if stage in pointing), "none")

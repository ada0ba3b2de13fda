"""Alias documents: where a movable name points, and since which event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .errors import PackageCorrupt
from .journal import parse_time
from .layout import ModelKeys
from .metadata import encode_document
from .model import Alias
from .storage.base import ABSENT, ANY, Condition, KeyNotFound, Match, PreconditionFailed, Prepared, Storage

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


def parse(alias: str, data: bytes) -> Alias | None:
    """The document's content, older software's included. Raises ``PackageCorrupt``.

    None for an alias that was removed: on an object store its document stays, naming no version.
    """
    try:
        fields = json.loads(data)
        version = fields["version"]
        readable = isinstance(version, str) or version is None
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
        seq=_seq(fields),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _seq(fields: Any) -> int | None:
    seq = fields.get("seq") if isinstance(fields, dict) else None
    return seq if isinstance(seq, int) else None


def read(storage: Storage, keys: ModelKeys, alias: str) -> Alias | None:
    """The alias, or None if there is none. Raises ``PackageCorrupt``."""
    try:
        return parse(alias, storage.read(keys.alias(alias)).data)
    except KeyNotFound:
        return None


def is_behind(storage: Storage, keys: ModelKeys, event: Mapping[str, Any]) -> bool:
    """Whether the document does not show yet what the event made true."""
    return _condition(storage, keys, event) is not None


def prepare(storage: Storage, keys: ModelKeys, event: Mapping[str, Any]) -> Prepared:
    """The document's write with all the space it needs; commit it after the event."""
    when = _condition(storage, keys, event)
    return storage.prepare(keys.alias(event["alias"]), document(event), ANY if when is None else when)


def write(storage: Storage, keys: ModelKeys, event: Mapping[str, Any]) -> None:
    """The document shows the event, or a later one: never over a higher ``seq``."""
    while (when := _condition(storage, keys, event)) is not None:
        try:
            storage.write(keys.alias(event["alias"]), document(event), when)
        except PreconditionFailed:
            continue  # somebody else wrote it: look again
        return


def _condition(storage: Storage, keys: ModelKeys, event: Mapping[str, Any]) -> Condition | None:
    """What must still hold when the event's document is written; None if it must not be."""
    try:
        now = storage.read(keys.alias(event["alias"]))
    except KeyNotFound:
        return ABSENT
    try:
        fields = json.loads(now.data)
    except (ValueError, RecursionError):
        fields = None
    seq = _seq(fields)
    if seq is not None:
        return Match(now.etag) if seq < event["seq"] else None
    # Older software wrote it (or it is damaged); without a journal line, only the times can tell.
    written = parse_time(fields.get("updated_at")) if isinstance(fields, dict) else None
    promoted = parse_time(event["ts_utc"])
    return Match(now.etag) if written is None or promoted is None or written < promoted else None


def names(storage: Storage, keys: ModelKeys) -> list[str]:
    """The model's aliases, sorted."""
    found = (entry.name for entry in storage.list(keys.aliases) if entry.kind == "file")
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))


def stage_of(pointing: list[str]) -> str:
    """The stage of a version that these aliases name: production before staging, else none."""
    return next((stage for stage in STAGES if stage in pointing), "none")

"""The metrics that a package states, in its metadata and in its ``metrics.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..format.layout import METRICS
from ..models.model import ModelStore
from ..storage.contract import KeyNotFound, read_all
from ..vocabulary.finite import is_number
from ..vocabulary.texts import parse_object
from .contents import require_said

MAX_METRICS_BYTES = 1024 * 1024


def of_version(
    model: ModelStore, version: str, meta: Mapping[str, Any], said: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """All metrics that the package states; those of its metadata win over its ``metrics.json``.

    With ``said``, path -> SHA-256 hex in a manifest that is proven, that file is the one that was registered, or it
    counts for nothing. Raises ``PackageCorrupt``.
    """
    if said is not None and METRICS not in said:
        return of_bytes(b"", meta)
    data = _read(model, version)
    if said is not None and len(data) <= MAX_METRICS_BYTES:
        require_said(model, version, METRICS, data, said[METRICS])
    return of_bytes(data, meta)


def of_bytes(data: bytes, meta: Mapping[str, Any]) -> dict[str, Any]:
    """As :func:`of_version`, where the bytes of ``metrics.json`` are known already, or one more than count."""
    found = (parse_object(data) or {}) if len(data) <= MAX_METRICS_BYTES else {}
    lineage = meta.get("lineage")
    for place in (lineage.get("metrics") if isinstance(lineage, Mapping) else None, meta.get("metrics")):
        if isinstance(place, Mapping):
            found |= place
    return found


def remarks(model: ModelStore, version: str) -> list[str]:
    """What whoever registers the version should know of its ``metrics.json``."""
    if len(_read(model, version)) <= MAX_METRICS_BYTES:
        return []
    return [f"{METRICS} is larger than {MAX_METRICS_BYTES} bytes, so that nothing in it counts as a metric."]


def _read(model: ModelStore, version: str) -> bytes:
    """The file, or as much of it as tells that it is too large; nothing where there is none."""
    try:
        with model.storage.packages.open(model.keys.package(version), METRICS, 0, MAX_METRICS_BYTES + 1) as reader:
            return read_all(reader)
    except KeyNotFound:
        model.require_version(version)  # deleted meanwhile: then nobody knows what it had
        return b""


def numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """(dotted key, value) of every number in nested metrics that a float can hold."""
    return ((key, float(value)) for key, value in _as_written(values))


def _as_written(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int | float]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _as_written(value, f"{prefix}{key}.")
        elif is_number(value):
            yield f"{prefix}{key}", value


def run_of(meta: Mapping[str, Any]) -> Any:
    """The id of the run that made the version, or None."""
    lineage = meta.get("lineage")
    named = lineage.get("run_id") if isinstance(lineage, Mapping) else None
    return named if named is not None else meta.get("run_id")

"""What versions achieved, and how they differ: metrics, parameters and files, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from . import packages, runs
from .format.layout import META, METRICS
from .models.annotations import read
from .models.model import ModelStore
from .storage import reading
from .storage.contract import KeyNotFound
from .vocabulary.answers import Comparison, Metrics, VersionFacts
from .vocabulary.errors import InvalidParameter, PackageCorrupt

FEWEST, MOST = 2, 20
MAX_METRICS_BYTES = 1024 * 1024
_PARAMETER_KEYS = ("params", "hyperparameters")


def metrics(model: ModelStore, version: str) -> Metrics:
    """The version's metrics, and the recorded points of its run.

    Metrics of the metadata win over those of the package's ``metrics.json``. The run is the one that
    the metadata names by ``run_id``; where it names none, all runs of the model are given.
    """
    meta = packages.read_meta(model, version)
    history = runs.history(model.storage, model.keys, run_of(meta))
    return Metrics(version, of_version(model, version, meta), history)


def of_version(model: ModelStore, version: str, meta: Mapping[str, Any]) -> dict[str, Any]:
    """All metrics that the package states."""
    found = _packaged(model, version)
    lineage = meta.get("lineage")
    for place in (lineage.get("metrics") if isinstance(lineage, Mapping) else None, meta.get("metrics")):
        if isinstance(place, Mapping):
            found |= place
    return found


def _packaged(model: ModelStore, version: str) -> dict[str, Any]:
    try:
        with model.storage.open(model.keys.package(version), METRICS, 0, MAX_METRICS_BYTES + 1) as reader:
            data = reading.read_all(reader)
    except KeyNotFound:
        model.require_version(version)  # deleted meanwhile: then nobody knows what it had
        return {}
    return runs.parse_object(data) if len(data) <= MAX_METRICS_BYTES else {}


def numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """(dotted key, value) of every number in nested metrics that a float can hold."""
    return ((key, float(value)) for key, value in _as_written(values))


def _as_written(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int | float]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _as_written(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and _is_finite(value):
            yield f"{prefix}{key}", value


def _is_finite(number: int | float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def run_of(meta: Mapping[str, Any]) -> Any:
    """The id of the run that made the version, or None."""
    lineage = meta.get("lineage")
    named = lineage.get("run_id") if isinstance(lineage, Mapping) else None
    return named if named is not None else meta.get("run_id")


def compare(model: ModelStore, versions: list[str]) -> Comparison:
    """The versions side by side, and all in which they differ. Raises ``InvalidParameter``, ``VersionNotFound``."""
    wanted = list(dict.fromkeys(versions))
    if not FEWEST <= len(wanted) <= MOST:
        raise InvalidParameter(f"Compare {FEWEST} to {MOST} different versions.", field="versions")
    for version in wanted:
        model.require_version(version)
    facts = {version: _facts(model, version) for version in wanted}
    return Comparison(
        versions=facts,
        diff={
            "metrics": _differences({version: dict(_as_written(found.metrics)) for version, found in facts.items()}),
            "params": _differences({version: found.params for version, found in facts.items()}),
            # Every version's metadata differs from every other's, if only in its name.
            "files": _differences({version: _without_meta(found.files) for version, found in facts.items()}),
        },
    )


def _without_meta(files: Mapping[str, Any]) -> dict[str, Any]:
    return {path: digest for path, digest in files.items() if path != META}


def _facts(model: ModelStore, version: str) -> VersionFacts:
    try:
        meta = packages.read_meta(model, version)
        said = read(model, version, meta)
        stage, tags = said.stage, said.tags
    except PackageCorrupt:
        if model.registered(version) is not None:
            raise
        meta, stage, tags = {}, "none", {}  # older software's half version
    listing = packages.listing(model, version)
    return VersionFacts(
        metrics=of_version(model, version, meta),
        created_at=meta.get("created_at"),
        stage=stage,
        tags=tags,
        params=_params(model, meta),
        files={file.name: file.sha256 for file in listing.files},
    )


def _params(model: ModelStore, meta: Mapping[str, Any]) -> dict[str, Any]:
    found = runs.params(model.storage, model.keys, run_of(meta))
    for key in _PARAMETER_KEYS:
        if isinstance(meta.get(key), Mapping):
            found |= meta[key]
    return found


def _differences(sides: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Key -> version -> value, of the keys that not all sides have with one value."""
    keys = sorted({key for side in sides.values() for key in side})
    rows = {key: {version: side.get(key) for version, side in sides.items()} for key in keys}
    return {
        key: row
        for key, row in rows.items()
        if any(key not in side for side in sides.values())
        or any(value != next(iter(row.values())) for value in row.values())
    }

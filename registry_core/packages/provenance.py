"""From what a version was made, as its metadata says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What counts wherever it stands in the metadata; in the places below all does that is no metric.
KEYS = (
    *("dataset", "dataset_version", "code", "code_commit", "git_commit", "repository", "run_id", "parent_version"),
    *("base_model", "image", "framework", "framework_version", "python_version", "environment", "hardware", "seed"),
)
_PLACES = ("lineage", "provenance")


def of_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Key -> what the metadata says; of an object each of its fields by itself, as ``dataset.name``. No nulls."""
    found: dict[str, Any] = {}
    for place in (meta.get(name) for name in _PLACES):
        if isinstance(place, Mapping):
            found |= place
    found.pop("metrics", None)
    found |= {key: meta[key] for key in KEYS if key in meta}
    return {key: value for key, value in _fields(found) if value is not None}


def _fields(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (f"{key}.{name}" if name else key, inner)
        for key, value in found.items()
        for name, inner in (value.items() if isinstance(value, Mapping) else [("", value)])
    ]

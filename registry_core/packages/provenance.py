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


def as_said(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Key -> what the metadata says. No nulls."""
    found: dict[str, Any] = {}
    for place in (meta.get(name) for name in _PLACES):
        if isinstance(place, Mapping):
            found |= place
    found.pop("metrics", None)
    found |= {key: meta[key] for key in KEYS if key in meta}
    return {key: value for key, value in found.items() if value is not None}


def of_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """As :func:`as_said`; of an object each of its fields by itself, as ``dataset.name``."""
    return {key: value for key, value in _fields(as_said(meta)) if value is not None}


def parents(meta: Mapping[str, Any]) -> list[str]:
    """The versions that it says it was made of."""
    named = as_said(meta).get("parent_version")
    several = named if isinstance(named, list) else [named]
    return list(dict.fromkeys(one for one in several if isinstance(one, str)))


def code(meta: Mapping[str, Any]) -> Any:
    """What it says of the code that made it."""
    found = as_said(meta)
    return next((found[key] for key in ("code", "code_commit", "git_commit") if key in found), None)


def _fields(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (f"{key}.{name}" if name else key, inner)
        for key, value in found.items()
        for name, inner in (value.items() if isinstance(value, Mapping) else [("", value)])
    ]

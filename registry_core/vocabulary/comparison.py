"""Versions side by side: what a comparison of them gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from .answers import Value


@dataclass(frozen=True)
class VersionFacts(Value):
    """One side of a comparison."""

    metrics: dict[str, Any]
    created_at: str | None
    stage: str
    tags: dict[str, Any]
    params: dict[str, Any]
    files: Annotated[dict[str, str | None], "Path -> digest, null where nothing covers the file."]
    sizes: Annotated[dict[str, int | None], "Path -> bytes, null where the file is missing."] = field(
        default_factory=dict
    )
    provenance: Annotated[dict[str, Any], "From what it was made, as its metadata says."] = field(default_factory=dict)


@dataclass(frozen=True)
class FileDiff(Value):
    """How one file of two versions differs. A file that one of them lacks is all added, or all removed."""

    path: str
    kind: Annotated[str, "text, same, binary (no UTF-8) or too_large; only of text there is a diff."]
    diff: Annotated[str, "In the unified format, with three lines around each change."]
    is_cut: Annotated[bool, "Whether its end is left out, since it is too long."] = False


@dataclass(frozen=True)
class Comparison(Value):
    """Versions side by side."""

    versions: dict[str, VersionFacts]
    diff: Annotated[
        dict[str, dict[str, dict[str, Any]]],
        "metrics, params, tags, provenance, files and sizes -> key -> version -> value.",
    ]
    file: Annotated[FileDiff | None, "Of the file that was asked for."] = None
    warnings: list[str] = field(default_factory=list)

"""One file of a package: its path, its digest, its size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Artifact:
    """One staged file: its path in the package, its SHA-256 in hex, its size."""

    path: str
    sha256: str
    size_bytes: int

"""Who has the name that a registration asks for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..format.layout import ModelKeys
from ..models import package_manifest
from ..models.model import ModelStore
from ..packages import contents
from ..vocabulary.errors import RegistryError, VersionExists


@dataclass(frozen=True)
class Taken:
    """Who has the version's name already: what is told of it, and path -> SHA-256 hex of its files."""

    existing: Mapping[str, Any]
    is_deleted: bool
    content: Mapping[str, str]


def look_at_taken(model: ModelStore, version: str) -> Taken:
    """What is known of whoever has the name."""
    line = model.registered(version)
    if line is not None:
        existing = {name: line.get(name) for name in ("package_digest", "created_at", "actor")}
    else:
        existing = {
            "package_digest": package_manifest.package_digest(model, version),
            "created_at": None,
            "actor": None,
        }
        with suppress(RegistryError):  # older software's half version: say what is known
            existing["created_at"] = contents.read_meta(model, version).get("created_at")
    return Taken(existing, model.tombstone(version) is not None, contents.content(model, version))


def version_exists(keys: ModelKeys, version: str, taken: Taken, incoming: Mapping[str, str]) -> VersionExists:
    """The refusal of other bytes, or of the same ones, under a name that is taken."""
    has = "had, and deleted," if taken.is_deleted else "already has"
    return VersionExists(
        f"{keys.title} {has} a version {version!r}; a version's name is never given to other bytes. "
        "Register under a new name.",
        existing=dict(taken.existing),
        same_content=taken.content == incoming,
    )

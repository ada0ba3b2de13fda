"""A model that much has happened to: what a lost event may have said is there to be seen."""

from __future__ import annotations

from pathlib import Path

from registry_core import ModelRegistry

from ..support.packages import write_files


def package(directory: Path, content: str) -> Path:
    """A package of one file with that content."""
    return write_files(directory / f"package-{content}", {"model.pt": content.encode()})


def fill(registry: ModelRegistry, sources: Path) -> None:
    """Events: 1, 2 register, 3 promote of 1, 4 tag of 1, 5 register of 3, 6 delete of 2, 7 promote of 3."""
    for version in ("1", "2"):
        registry.register("t", "m", version, package(sources, version))
    registry.promote("t", "m", "production", "1", actor="ada")
    registry.tag("t", "m", "1", "k", "v")
    registry.register("t", "m", "3", package(sources, "3"))
    registry.delete("t", "m", "2", reason="wrong")
    registry.promote("t", "m", "production", "3")
    assert registry.check().findings == []

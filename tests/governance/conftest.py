"""Places as the fault tests have them, and a model in which something of everything has happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ..faults.conftest import area, root, small_disk, source  # noqa: F401 - fixtures
from ..support.packages import open_registry

TASK, MODEL = "celltype", "pbmc"


def fill(registry: ModelRegistry, source: Path) -> None:  # noqa: F811
    """Versions 1 (``latest``), 2 (``production``), 3 (free), 4 (deleted), 5 (purged); tags on 1."""
    for number in range(1, 6):
        registry.register(TASK, MODEL, str(number), source, set_alias="latest" if number == 1 else None)
    registry.promote(TASK, MODEL, "production", "1", actor="ada")
    registry.promote(TASK, MODEL, "production", "2", actor="ada", reason="better")
    registry.tag(TASK, MODEL, "1", "tissue", "blood")
    registry.delete(TASK, MODEL, "5", reason="wrong labels")
    registry.purge(0)
    registry.delete(TASK, MODEL, "4", reason="wrong labels")


@pytest.fixture
def filled(root: Path, source: Path) -> Path:  # noqa: F811
    """The root of a registry with that model."""
    fill(open_registry(root), source)
    return root


def model_of(root: Path) -> Path:  # noqa: F811
    return root / "tasks" / TASK / "models" / MODEL

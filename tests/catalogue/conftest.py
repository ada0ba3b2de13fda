"""Places for registries whose catalogue is attacked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.machine import MIB, memory_backed, remove_tree
from .shelf import Shelf


@pytest.fixture
def area() -> Iterator[Path]:
    """An empty directory that every user of the machine may enter, in memory where there is room."""
    top = Path(tempfile.mkdtemp(prefix="registry-catalogue-", dir=memory_backed(256 * MIB)))
    top.chmod(0o755)
    yield top
    remove_tree(top)


@pytest.fixture
def shelf(area: Path) -> Shelf:
    """An empty registry with a source of packages."""
    return Shelf(area / "root")

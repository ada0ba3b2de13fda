"""What the fault tests need of the machine, and places that they clean up behind them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..support.machine import MIB, memory_backed, need, remove_tree
from ..support.packages import write_package


@pytest.fixture
def area() -> Iterator[Path]:
    """An empty directory that every user of the machine may enter (``tmp_path`` lets in only its owner)."""
    top = Path(tempfile.mkdtemp(prefix="registry-faults-", dir=memory_backed(256 * MIB)))
    top.chmod(0o755)
    yield top
    remove_tree(top)


@pytest.fixture
def root(area: Path) -> Path:
    """An empty registry root."""
    made = area / "root"
    made.mkdir()
    return made


@pytest.fixture
def source(area: Path) -> Path:
    return write_package(area / "source")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a tmpfs of a given size and gives its directory; every mount goes with the test."""
    mounted: list[Path] = []

    def mount(size_bytes: int, inodes: int = 10_000) -> Path:
        need(os.geteuid() == 0, "mounting a tmpfs needs root; run the tests as root in a container of their own")
        place = tmp_path / f"disk-{len(mounted)}"
        place.mkdir()
        options = f"size={size_bytes},nr_inodes={inodes},mode=755"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True
        )
        need(done.returncode == 0, f"mounting a tmpfs needs CAP_SYS_ADMIN: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)

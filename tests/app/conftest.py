"""A running service, reached directly and through nginx; places that clean up behind them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..support.machine import MIB, memory_backed, need, remove_tree
from ..support.servers import PREFIX, Server, gunicorn, nginx


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty directory that every user of the machine may enter."""
    top = Path(tempfile.mkdtemp(prefix="registry-app-", dir=memory_backed(256 * MIB)))
    top.chmod(0o755)
    try:
        yield top
    finally:
        remove_tree(top)


@pytest.fixture
def area() -> Iterator[Path]:
    with scratch() as top:
        yield top


@pytest.fixture
def root(area: Path) -> Path:
    """An empty registry root."""
    made = area / "root"
    made.mkdir()
    return made


@dataclass(frozen=True)
class Service:
    """Where the service answers, what it runs on, and where its caller may write."""

    url: str
    root: Path
    area: Path
    server: Server


@pytest.fixture(scope="module", params=["gunicorn", "nginx"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service of a module: once reached directly, once through nginx."""
    with scratch() as area:
        root = area / "root"
        root.mkdir()
        with gunicorn(root, env={PREFIX + "ARTIFACTS_ALLOWED_ROOTS": str(area)}) as server:
            if request.param == "gunicorn":
                yield Service(server.url, root, area, server)
            else:
                with nginx([server.url]) as url:
                    yield Service(url, root, area, server)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a tmpfs of a given size in bytes and gives its directory; it goes with the test."""
    mounted: list[Path] = []

    def mount(size_bytes: int) -> Path:
        need(os.geteuid() == 0, "mounting a tmpfs needs root; run the tests as root in a container of their own")
        place = tmp_path / f"disk-{len(mounted)}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=755", "tmpfs", str(place)],
            capture_output=True,
            text=True,
        )
        need(done.returncode == 0, f"mounting a tmpfs needs CAP_SYS_ADMIN: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)

"""A real service for the tests of a module, packages, caches, and places to pull to."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_core import ModelRegistry

from ..support.machine import MIB, memory_backed, need, remove_tree
from ..support.packages import open_registry
from ..support.servers import PREFIX, Server, gunicorn


@dataclass(frozen=True)
class Service:
    """A running service and the registry behind it."""

    server: Server
    root: Path

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def registry(self) -> ModelRegistry:
        """The registry itself, past the service."""
        return open_registry(self.root)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    root = Path(tempfile.mkdtemp(prefix="registry-client-", dir=memory_backed(512 * MIB)))
    with gunicorn(root, workers=2) as server:
        yield Service(server, root)
    remove_tree(root)


@pytest.fixture
def area() -> Iterator[Path]:
    """An empty directory in memory, where the machine has room for it."""
    top = Path(tempfile.mkdtemp(prefix="registry-area-", dir=memory_backed(512 * MIB)))
    yield top
    remove_tree(top)


@pytest.fixture(autouse=True)
def _no_surroundings(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this machine's proxies nor its cache nor its tokens take part."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setenv(f"{PREFIX}CACHE_DIR", str(area / "default-cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(area / "config"))


@pytest.fixture
def client(service: Service) -> Iterator[RegistryClient]:
    with RegistryClient(service.url) as opened:
        yield opened


@pytest.fixture
def cache(area: Path) -> Cache:
    return Cache(area / "cache")


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """A model of the test's own."""
    return f"m{abs(hash(request.node.nodeid)):x}"[:60]


@pytest.fixture
def small_disk(area: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a tmpfs of so many bytes and gives its directory; every mount goes with the test."""
    mounted: list[Path] = []

    def mount(size_bytes: int) -> Path:
        need(os.geteuid() == 0, "mounting a tmpfs needs root; run the tests as root in a container of their own")
        place = area / f"disk-{len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=755", "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True)
        need(done.returncode == 0, f"mounting a tmpfs needs CAP_SYS_ADMIN: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)

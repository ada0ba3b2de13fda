"""Services to upload to: one for a module, directly or through nginx, and others with settings of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from registry_core import CoreSettings, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.storage.contract import Storage, StorageOptions
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage

from ..app.conftest import scratch, small_disk  # noqa: F401 - a fixture
from ..support.servers import PREFIX, gunicorn, nginx
from .wire import Wire


@pytest.fixture(params=["filesystem", "object store", "memory"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., ModelRegistry]:
    """Opens registries over one root, each as a process of its own would; on each kind of storage."""
    storage: Storage | None = None
    root = {"filesystem": str(tmp_path), "object store": "s3://registries/root", "memory": "memory://"}[request.param]
    if request.param == "memory":
        storage = MemoryStorage()
    objects = MemoryStore()

    def opened(**settings: Any) -> ModelRegistry:
        place = ObjectStorage(root, StorageOptions(), is_package, store=objects) if "s3" in root else storage
        return ModelRegistry.open(settings=CoreSettings(root=root, workers=2, **settings), storage=place)

    return opened


@pytest.fixture(scope="module")
def direct() -> Iterator[Wire]:
    """A service of two workers, reached directly."""
    with scratch() as area:
        root = area / "root"
        root.mkdir()
        with gunicorn(root) as server:
            yield Wire(server.url, root)


@pytest.fixture(scope="module", params=["gunicorn", "nginx"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A service of two workers: once reached directly, once through nginx."""
    with scratch() as area:
        root = area / "root"
        root.mkdir()
        staged = {PREFIX + "ARTIFACTS_ALLOWED_ROOTS": str(area)}
        with gunicorn(root, env=staged) as server, ExitStack() as stack:
            url = server.url if request.param == "gunicorn" else stack.enter_context(nginx([server.url]))
            yield Wire(url, root)


@pytest.fixture
def serve() -> Iterator[Callable[..., Wire]]:
    """Starts a service of its own: ``serve(root, SETTING=value)``; it ends with the test."""
    with ExitStack() as stack:
        area = stack.enter_context(scratch())

        def start(root: Path | None = None, **settings: object) -> Wire:
            place = root or area / "root"
            place.mkdir(exist_ok=True)
            env = {PREFIX + name: str(value) for name, value in settings.items()}
            return Wire(stack.enter_context(gunicorn(place, env=env)).url, place)

        yield start

"""Services to upload to: one for a module, directly or through nginx, and others with settings of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..app.conftest import scratch, small_disk  # noqa: F401 - a fixture
from ..support.servers import PREFIX, gunicorn, nginx
from .wire import Wire


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

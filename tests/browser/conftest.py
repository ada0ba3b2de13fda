"""A service with a model, and browsers at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry

from ..app.pages.a_model import promoted
from ..support.servers import Server, gunicorn
from .seeing import Eyes, a_browser


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def registry(root: Path, tmp_path: Path) -> ModelRegistry:
    """Of the same root as the service, with a model in it: three versions, of which production names the first."""
    found = ModelRegistry.open(settings=CoreSettings(root=str(root), catalog_refresh_s=0))
    promoted(found, tmp_path)
    return found


@pytest.fixture
def service(root: Path, registry: ModelRegistry) -> Iterator[Server]:
    with gunicorn(root, workers=1) as server:
        yield server


@pytest.fixture(scope="module")
def _browsers() -> Iterator[tuple[Eyes, Eyes]]:
    with a_browser("") as first, a_browser("") as second:
        yield first, second


def _fresh(eyes: Eyes, service: Server) -> Eyes:
    eyes.at = service.url
    eyes.browser.delete_all_cookies()
    eyes.refusals()
    return eyes


@pytest.fixture
def eyes(_browsers: tuple[Eyes, Eyes], service: Server) -> Iterator[Eyes]:
    """A person at the service. What the policy of the pages stops is a failure of the test."""
    found = _fresh(_browsers[0], service)
    yield found
    assert not found.refusals()


@pytest.fixture
def others(_browsers: tuple[Eyes, Eyes], service: Server) -> Eyes:
    """Somebody else, in a browser of his own."""
    return _fresh(_browsers[1], service)


@pytest.fixture(scope="module")
def _plain() -> Iterator[Eyes]:
    with a_browser("", scripts=False) as found:
        yield found


@pytest.fixture
def plain(_plain: Eyes, service: Server) -> Eyes:
    """A person whose browser runs no scripts."""
    return _fresh(_plain, service)

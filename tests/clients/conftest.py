"""The programs that people have, as they are installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..support.browser import chromium
from ..support.installing import node_packages

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

JAVASCRIPT = ("tus-js-client@4.3.1", "@uppy/core@5.2.0", "@uppy/tus@5.1.1", "esbuild@0.28.2")


@pytest.fixture(scope="session")
def javascript() -> Path:
    """The ``node_modules`` of the programs that upload by tus."""
    return node_packages("javascript", *JAVASCRIPT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as found:
        yield found

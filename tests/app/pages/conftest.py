"""A registry in memory, and a browser without a script at its pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry

from .visiting import Visitor


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    core = CoreSettings(root=f"memory://{uuid4().hex}", catalog_dir=str(tmp_path / "catalogue"), catalog_refresh_s=0)
    return ModelRegistry.open(settings=core)


@pytest.fixture
def visit(registry: ModelRegistry) -> Visitor:
    """A person at the pages of the registry, in open mode."""
    return Visitor(create_app(Settings(threads=8), registry).test_client())


@pytest.fixture
def visiting(registry: ModelRegistry) -> Callable[..., Visitor]:
    """The same with other settings of the service."""

    def with_settings(**settings: Any) -> Visitor:
        client: FlaskClient = create_app(Settings(threads=8, **settings), registry).test_client()
        return Visitor(client)

    return with_settings

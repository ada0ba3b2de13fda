"""A pytest plugin: a property test that fails once has said enough, and searches for no smaller example."""

from __future__ import annotations

from hypothesis import Phase, settings


def pytest_configure() -> None:
    """After the conftest has loaded its profile, and before a test takes it."""
    settings.register_profile("mutants", settings(), phases=(Phase.explicit, Phase.generate), derandomize=True)
    settings.load_profile("mutants")

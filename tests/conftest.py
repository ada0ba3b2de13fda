"""Fixtures that every test may ask for, which live beside what they make; and how property tests run.

They have no time limit an example (two cores are shared) and keep nothing in the working tree. CI tries the same
few examples each time, so that a change is judged by itself; elsewhere they are new each time, and more.
"""

from __future__ import annotations

import gc
import os

from hypothesis import HealthCheck, settings

from .support import compiling

pytest_plugins = ["tests.support.secrets", "tests.support.seaweed", "tests.support.without_cryptography"]

# Here, and not beside some of the tests: a test takes the profile that is in force when its module is imported.
settings.register_profile(
    "registry",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # it would fail a test for what else the machine does
    database=None,
    print_blob=True,
    derandomize="CI" in os.environ,
    max_examples=40 if "CI" in os.environ else 100,
)
settings.load_profile("registry")
compiling.share()


def pytest_collection_finish() -> None:
    """What thousands of tests are made of is looked through once, not again by each collection of garbage."""
    gc.collect()
    gc.freeze()

"""A test of one module stands where the module stands, so that either is found from the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.servers import REPOSITORY

SIDES = {"core": "registry_core", "app": "app", "client": "registry_client"}
WHOLE_ROOMS = {"client/cli"}  # the installed command is run, so that each of its tests is of the whole room


@pytest.mark.parametrize("side", SIDES)
def test_a_test_in_a_room_is_of_a_module_of_that_room(side: str) -> None:
    tests = REPOSITORY / "tests" / side
    strays = [
        str(found.relative_to(tests))
        for found in sorted(tests.glob("*/**/test_*.py"))
        if str(found.parent.relative_to(REPOSITORY / "tests")) not in WHOLE_ROOMS
        and not _module_of(found, tests, REPOSITORY / SIDES[side]).exists()
    ]
    assert strays == []


def _module_of(test: Path, tests: Path, product: Path) -> Path:
    return product / test.parent.relative_to(tests) / test.name.removeprefix("test_")

"""Each file of tests is in one suite, and .ci/run runs each suite: none is written that nobody runs."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import PurePath

from ..support.servers import REPOSITORY

SUITES = [line.split()[1] for line in (REPOSITORY / ".ci" / "run").read_text().splitlines() if "make test" in line]


def files_of(suite: str) -> set[str]:
    """What the suite's command has pytest look through."""
    steps = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", suite], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    (command,) = (line for line in steps.stdout.splitlines() if " -m pytest " in line)
    words = command.split()
    left_out = [word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")]
    asked = [word for word in words if word.startswith("tests/")] or ["tests"]
    there = [str(file.relative_to(REPOSITORY)) for file in (REPOSITORY / "tests").rglob("test_*.py")]
    return {file for file in there if _below(file, asked) and not _below(file, left_out)}


def _below(file: str, places: list[str]) -> bool:
    return any(PurePath(file).is_relative_to(place) for place in places)


def test_each_file_of_tests_is_in_one_suite() -> None:
    found = Counter(file for suite in SUITES for file in files_of(suite))
    there = {str(file.relative_to(REPOSITORY)) for file in (REPOSITORY / "tests").rglob("test_*.py")}
    assert {file: found[file] for file in there if found[file] != 1} == {}

"""Runs the tests of the core against each mutant in a scratch copy, and prints those that no test noticed.

Exits with 0 if all were noticed, 1 if not, and 2 if a mutant no longer applies or the tests fail without one.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from .table import PRODUCT, Mutant, read, stale

REPOSITORY = Path(__file__).resolve().parents[2]
# A mutant that stops the tests is noticed too, and a busy machine notices nothing: so they have this much longer than
# without a mistake, and at least so long.
LONGER, AT_LEAST_S = 3, 300.0
TEST_TIMEOUT_S = 60
Copies = Callable[[], AbstractContextManager[Path]]
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("only", nargs="*", help="texts; a mutant whose title holds one of them is run (default: all)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tests", default="tests/core", help="comma-separated paths of tests")
    options = parser.parse_args()
    began = time.monotonic()
    mutants = read()
    complaints = stale(mutants, REPOSITORY)
    if complaints:
        print("These mutants no longer apply. Write them anew for what stands there now, or remove them:")
        print(*complaints, sep="\n")
        return 2
    chosen = [mutant for mutant in mutants if not options.only or any(text in mutant.title for text in options.only)]
    diffs = {mutant: mutant.diff((REPOSITORY / PRODUCT / mutant.module).read_text()) for mutant in chosen}
    tests = options.tests.split(",")
    with tempfile.TemporaryDirectory(prefix="registry-mutants-") as area:
        copies = _copies(Path(area), options.workers)
        with copies() as copy:
            noticed = _first_failure(copy, tests, None)
        if noticed is not None:
            print(f"Without a mutant the tests must pass, but {noticed} does not.")
            return 2
        timeout_s = max(AT_LEAST_S, LONGER * (time.monotonic() - began))
        survivors = []
        with ThreadPoolExecutor(options.workers) as pool:
            running = {pool.submit(_try, mutant, copies, tests, timeout_s): mutant for mutant in chosen}
            for number, done in enumerate(as_completed(running), start=1):
                mutant, by = running[done], done.result()
                print(f"{number}/{len(chosen)} {mutant.title}: {f'noticed by {by}' if by else 'SURVIVES'}", flush=True)
                if by is None:
                    survivors.append(mutant)
    for mutant in sorted(survivors, key=lambda mutant: mutant.title):
        print(f"\n{mutant.title}\n{diffs[mutant]}")
    killed = len(chosen) - len(survivors)
    print(f"\n{killed} of {len(chosen)} mutants were noticed, in {time.monotonic() - began:.0f} s.")
    return 1 if survivors else 0


def _copies(area: Path, count: int) -> Copies:
    """Hands out ``count`` copies of the working tree, each to one user at a time."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split("\0")
    free: queue.Queue[Path] = queue.Queue()
    for number in range(count):
        copy = area / str(number)
        for name in filter(None, names):
            if (REPOSITORY / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, copy / name)
        free.put(copy)

    @contextmanager
    def borrowed() -> Iterator[Path]:
        copy = free.get()
        try:
            yield copy
        finally:
            free.put(copy)

    return borrowed


def _try(mutant: Mutant, copies: Copies, tests: list[str], timeout_s: float) -> str | None:
    """The test that noticed the mutant, or None."""
    with copies() as copy:
        file = copy / PRODUCT / mutant.module
        source = file.read_text()
        try:
            _write(file, mutant.applied(source))
            if (copy / mutant.own_tests).exists():  # alone and first: most are noticed there, in a fraction of the time
                by = _first_failure(copy, [str(mutant.own_tests)], timeout_s)
                if by is not None:
                    return by
            return _first_failure(copy, tests, timeout_s)
        finally:
            _write(file, source)


def _write(file: Path, source: str) -> None:
    file.write_text(source)
    # Compiled code is told from old by whole seconds and size, which two mutants may share.
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()


def _first_failure(copy: Path, tests: list[str], timeout_s: float | None) -> str | None:
    """The first test that fails; None if all pass."""
    options = ["-x", "-rfE", "--tb=no", "-p", "tests.mutants.no_shrinking", f"--timeout={TEST_TIMEOUT_S}"]
    options += ["-p", "no:schemathesis", "-p", "no:xdist"]  # which no test of the core needs, and which take a second
    # The copy comes before the installed package, whatever way that is installed.
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return f"the clock, after {timeout_s:.0f} s"
    if done.returncode == 0:
        return None
    failed = _FAILED.search(done.stdout)
    return (
        failed[1] if failed else f"pytest, which ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"
    )


if __name__ == "__main__":
    sys.exit(main())

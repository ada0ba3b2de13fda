"""Register and verify of large files, against ``cp`` and ``openssl dgst -sha256`` of the same files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry_core import ModelRegistry

from ..machine import remove, require_room, run_command, scratch, settle, write_random
from ..scale import MIB, Places, Scale
from ..tables import Row, Table
from ..timing import Contender, best, speed, spread, take_turns, timed

REMARKS = (
    "Best of the rounds; contenders take turns. Sources are in the page cache for all. Before each run a throwaway",
    "copy is written and deleted, so that all find free memory in the same state, and dirty pages are written out.",
    "cp does not wait for the disk, register does (fsync before the answer): 'cp + fsync' is that promise for cp.",
)


@dataclass(frozen=True)
class Case:
    """A package and its targets, as ratios."""

    title: str
    files: int
    register_most: float
    verify_most: float
    against_slower_of_both: bool


CASES = (
    Case("one file of {}", 1, 1.3, 1.1, True),
    Case("64 files of {}", 64, 0.75, 0.6, False),
)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """A table for each case in each place."""
    for name, place in places.directories.items():
        require_room(place, 3 * scale.unit_bytes + 64 * MIB)
        for case in CASES:
            with scratch(place) as top:
                yield _measure(case, name, top, scale)


def _measure(case: Case, place: str, top: Path, scale: Scale) -> Table:
    size_bytes = scale.unit_bytes // case.files
    source = top / "source"
    files = [write_random(source / f"part-{n:02d}.bin", size_bytes) for n in range(case.files)]
    seconds = take_turns(contenders(top, source, files), scale.rounds, scale.patience_s)
    times = best(seconds)
    slower = max(times["cp"], times["openssl"]) if case.against_slower_of_both else times["openssl"]
    slower_name = "the slower of cp and openssl" if case.against_slower_of_both else "openssl"
    rows = [
        Row(name, shortest, "s", note=f"{speed(scale.unit_bytes, shortest)}; {spread(seconds[name])}")
        for name, shortest in times.items()
    ]
    rows += [
        Row(f"register / {slower_name}", times["register"] / slower, "x", case.register_most),
        Row("verify / openssl", times["verify"] / times["openssl"], "x", case.verify_most),
        Row(
            "register / the slower of cp + fsync and openssl",
            times["register"] / max(times["cp + fsync"], times["openssl"]),
            "x",
        ),
    ]
    return Table(f"{case.title.format(f'{size_bytes // MIB or size_bytes / MIB:g} MiB')}, {place}", rows, REMARKS)


def contenders(top: Path, source: Path, files: Sequence[Path]) -> dict[str, Contender]:
    """The five that are compared, over the files below ``source``. Each leaves ``top`` as it was."""
    copy, root = top / "copy", top / "registry"
    numbers = itertools.count(1)

    def level() -> None:
        run_command("cp", "-r", source, copy)
        remove(copy)
        settle()

    def cp() -> float:
        level()
        seconds = timed(lambda: run_command("cp", "-r", source, copy))
        remove(copy)
        return seconds

    def cp_and_fsync() -> float:
        level()

        def work() -> None:
            run_command("cp", "-r", source, copy)
            run_command("sync", *(copy / file.name for file in files), copy)

        seconds = timed(work)
        remove(copy)
        return seconds

    def openssl() -> float:
        level()
        return timed(lambda: run_command("openssl", "dgst", "-sha256", *files))

    def register() -> float:
        root.mkdir()
        registry = ModelRegistry.open(root)
        level()
        return timed(lambda: registry.register("bench", "large", f"v{next(numbers)}", source))

    def verify() -> float:
        """Of what ``register`` left, which is removed."""
        registry = ModelRegistry.open(root)
        level()
        seconds = timed(lambda: registry.verify("bench", "large@latest"))
        remove(root)
        return seconds

    return {"cp": cp, "cp + fsync": cp_and_fsync, "openssl": openssl, "register": register, "verify": verify}

"""Bytes: register and verify of packages, against ``cp`` with ``sync -f`` and ``openssl dgst -sha256`` of the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from registry_core import ModelRegistry

from ..counting import with_children
from ..machine import remove, require_room, run_command, scratch, settle, write_many, write_random
from ..scale import MIB, Places, Scale
from ..tables import Row, Table
from ..timing import Contender, best, speed, spread, take_turns, timed

REMARKS = (
    "Best of the rounds; contenders take turns. Sources are in the page cache for all. Before each run a throwaway",
    "copy is written and deleted, so that all find free memory in the same state, and dirty pages are written out.",
)
COPY, OPENSSL = "cp && sync -f", "openssl dgst -sha256"
MANY_ROUNDS = 2
MANY_BYTES = 4096
MANY_MOST = 3.0
WHY_ALONE = "it takes the CPU of cp and of openssl together (next row), which two cores share; and a disk is waited for"
WHY_MANY = "a file costs 55 us of CPU, 23 of them in the kernel; cp takes 15. Two threads share the interpreter"


@dataclass(frozen=True)
class Case:
    """A package of so many files and its targets, as ratios."""

    files: int
    register_most: float
    verify_most: float


# Several files are hashed several at once, which openssl does not do; on two cores that is half.
CASES = (Case(1, 1.1, 1.1), Case(3, 1.1, 1.1), Case(10, 1.1, 1.1), Case(64, 0.75, 0.6))
OPENSSL_ALONE = 64  # files from which on it is the whole measure, since copying is no more the slower one


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """A table for each case in each place, and one of many small files in each."""
    for name, place in places.directories.items():
        require_room(place, 3 * scale.unit_bytes + 64 * MIB)
        for case in CASES:
            with scratch(place) as top:
                yield _large(case, name, top, scale)
        with scratch(place) as top:
            yield _many(name, top, scale)


def _large(case: Case, place: str, top: Path, scale: Scale) -> Table:
    size_bytes = scale.unit_bytes // case.files
    source = top / "source"
    files = [write_random(source / f"part-{n:02d}.bin", size_bytes) for n in range(case.files)]
    cpu: dict[str, float] = {}
    seconds = take_turns(contenders(top, source, files, cpu), scale.rounds, scale.patience_s)
    times = best(seconds)
    alone = case.files >= OPENSSL_ALONE
    slower = times[OPENSSL] if alone else max(times[COPY], times[OPENSSL])
    rows = [
        Row(name, shortest, "s", note=f"{speed(scale.unit_bytes, shortest)}; {spread(seconds[name])}")
        for name, shortest in times.items()
    ]
    rows += [
        Row(
            f"register / {'openssl' if alone else 'the slower of both'}",
            times["register"] / slower,
            "x",
            case.register_most,
            note=WHY_ALONE if alone else "",
        ),
        Row("register / cp and openssl, CPU", cpu["register"] / (cpu[COPY] + cpu[OPENSSL]), "x"),
        Row("verify / openssl", times["verify"] / times[OPENSSL], "x", case.verify_most),
    ]
    what = f"{scale.unit_bytes // MIB} MiB in {case.files} file{'s' if case.files > 1 else ''}"
    return Table(f"{what}, {place}", rows, REMARKS if case.files == 1 else ())


def _many(place: str, top: Path, scale: Scale) -> Table:
    source = write_many(top / "source", scale.many_files, MANY_BYTES)
    cpu: dict[str, float] = {}
    everything = contenders(top, source, [], cpu)
    chosen = {name: everything[name] for name in (COPY, "register")}
    chosen["verify"] = everything["verify"]
    seconds = take_turns(chosen, min(scale.rounds, MANY_ROUNDS), scale.patience_s)
    times = best(seconds)
    rows = [Row(name, shortest, "s", note=spread(seconds[name])) for name, shortest in times.items()]
    rows.append(Row("register / cp && sync -f", times["register"] / times[COPY], "x", MANY_MOST, note=WHY_MANY))
    rows.append(Row("register / cp && sync -f, CPU", cpu["register"] / cpu[COPY], "x"))
    return Table(f"{scale.many_files:,} files of {MANY_BYTES} bytes from a directory, {place}", rows)


def contenders(top: Path, source: Path, files: Sequence[Path], cpu: dict[str, float]) -> dict[str, Contender]:
    """Those that are compared, over the files below ``source``. Each leaves ``top`` as it was.

    The least CPU of each, in seconds, is kept in ``cpu``.
    """
    copy, root = top / "copy", top / "registry"
    numbers = itertools.count(1)

    def measured(name: str, work: Callable[[], object]) -> float:
        seconds: list[float] = []
        used = with_children(lambda: seconds.append(timed(work)))
        cpu[name] = min(used, cpu.get(name, used))
        return seconds[0]

    def level() -> None:
        run_command("cp", "-r", source, copy)
        remove(copy)
        settle()

    def cp() -> float:
        level()

        def work() -> None:
            run_command("cp", "-r", source, copy)
            run_command("sync", "-f", copy)

        seconds = measured(COPY, work)
        remove(copy)
        return seconds

    def openssl() -> float:
        settle()
        return measured(OPENSSL, partial(run_command, "openssl", "dgst", "-sha256", *files))

    def register() -> float:
        root.mkdir()
        registry = ModelRegistry.open(root)
        level()
        return measured("register", lambda: registry.register("bench", "large", f"v{next(numbers)}", source))

    def verify() -> float:
        """Of what ``register`` left, which is removed."""
        registry = ModelRegistry.open(root)
        settle()
        seconds = measured("verify", lambda: registry.verify("bench", "large@latest"))
        remove(root)
        return seconds

    return {COPY: cp, OPENSSL: openssl, "register": register, "verify": verify}

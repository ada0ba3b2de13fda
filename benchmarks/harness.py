"""What every benchmark shares: contenders that take turns, tables with targets, facts about the machine."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024
_LOOK_S = 0.3
_IDLE_MOST = 0.08  # of all cores: a machine is never quite still

# One run of a contender: it prepares and cleans up itself, and returns the seconds that count.
Contender = Callable[[], float]


@dataclass(frozen=True)
class Scale:
    """How much is measured. ``unit_bytes`` stands for 1 GiB; ``quick`` sizes only prove that the code works.

    ``patience_s`` is how long a run waits for cores that others use.
    """

    unit_bytes: int = 1024 * MIB
    rounds: int = 5
    requests: int = 400
    seconds: float = 4.0
    versions: int = 100_000
    patience_s: float = 0.0

    @classmethod
    def quick(cls) -> Scale:
        return cls(unit_bytes=8 * MIB, rounds=1, requests=10, seconds=0.3, versions=1_000)


@dataclass(frozen=True)
class Places:
    """Directories to work in: name -> directory. The first is the one for what needs only one."""

    directories: Mapping[str, Path]

    @property
    def main(self) -> Path:
        return next(iter(self.directories.values()))


@dataclass(frozen=True)
class Row:
    """One line of a table. ``target`` is the most that ``value`` may be; None: it is only reported."""

    what: str
    value: float
    unit: str
    target: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        return None if self.target is None else self.value <= self.target


@dataclass(frozen=True)
class Table:
    """The outcome of a benchmark."""

    title: str
    rows: Sequence[Row]
    remarks: Sequence[str] = field(default_factory=tuple)

    def render(self, *, judge: bool = True) -> str:
        """The table as text, one row a line, with a verdict where there is a target unless ``judge`` is false."""
        verdicts = {None: "", True: "met", False: "MISSED"} if judge else dict.fromkeys((None, True, False), "")
        cells = [("", "measured", "target", "", "")]
        for row in self.rows:
            target = "" if row.target is None else f"<= {number(row.target)} {row.unit}"
            cells.append((row.what, f"{number(row.value)} {row.unit}", target, verdicts[row.is_met], row.note))
        widths = [max(len(line[n]) for line in cells) for n in range(5)]
        lines = [self.title, *self.remarks]
        for line in cells:
            what, value, *rest = line
            padded = [what.ljust(widths[0]), value.rjust(widths[1])]
            padded += [text.ljust(width) for text, width in zip(rest, widths[2:], strict=True)]
            lines.append("  " + "  ".join(padded).rstrip())
        return "\n".join(lines) + "\n"

    def to_dict(self) -> dict[str, object]:
        rows = [{**vars(row), "is_met": row.is_met} for row in self.rows]
        return {"title": self.title, "remarks": list(self.remarks), "rows": rows}


def number(value: float) -> str:
    """The value with three significant digits or so, never in exponents."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.6f}"


def take_turns(contenders: Mapping[str, Contender], rounds: int, patience_s: float = 0.0) -> dict[str, list[float]]:
    """The seconds of each contender in each round. They take turns, so that a drift of the machine hits all."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            await_idle(patience_s)
            seconds[name].append(run())
    return seconds


def await_idle(patience_s: float) -> None:
    """Returns when nobody else uses the cores, or when the patience is at its end."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        busy, total = _core_ticks()
        time.sleep(_LOOK_S)
        busy_after, total_after = _core_ticks()
        if busy_after - busy <= _IDLE_MOST * (total_after - total):
            return


def _core_ticks() -> tuple[int, int]:
    """(ticks in use, all ticks) of all cores since the start of the machine."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def best(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The shortest time of each: what else runs on the machine only ever adds to a time."""
    return {name: min(values) for name, values in seconds.items()}


def spread(values: Sequence[float]) -> str:
    """How far the rounds lie apart, in words."""
    return f"median {number(statistics.median(values))}, worst {number(max(values))}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def speed(size_bytes: int, seconds: float) -> str:
    return f"{size_bytes / seconds / 1e6:,.0f} MB/s"


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run_command(*command: str | Path) -> None:
    """Runs to its end, silently. Raises ``CalledProcessError``."""
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def write_random(path: Path, size_bytes: int) -> Path:
    """A file of bytes that no filesystem can compress or share; it is in the page cache afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    left = size_bytes
    with path.open("wb") as file:
        while left > 0:
            left -= file.write(os.urandom(min(left, 4 * MIB)))
    return path


def settle() -> None:
    """All dirty pages are on their disks, so that nobody pays for the writes of the one before."""
    os.sync()


def remove(top: Path) -> None:
    """The tree is gone, sealed directories included."""
    for directory, _, _ in os.walk(top):
        os.chmod(directory, 0o700)
    shutil.rmtree(top)


@contextmanager
def scratch(place: Path) -> Iterator[Path]:
    """A directory below ``place`` that is gone afterwards."""
    top = Path(tempfile.mkdtemp(prefix="registry-bench-", dir=place))
    try:
        yield top
    finally:
        remove(top)


def require_room(place: Path, size_bytes: int) -> None:
    """Raises ``SystemExit`` naming the place if it has not that much free space."""
    volume = os.statvfs(place)
    free = volume.f_bavail * volume.f_frsize
    if free < size_bytes:
        raise SystemExit(f"{place} has {free // MIB} MiB free; this benchmark needs {size_bytes // MIB} MiB there")


def filesystem_of(path: Path) -> str:
    """The type of the filesystem that holds ``path``, for example ext4."""
    found = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=False)
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    matching = [(len(mount[1]), mount[2]) for mount in mounts if path.resolve().is_relative_to(mount[1])]
    return max(matching)[1] if matching else found.stdout.strip()


def machine(places: Places) -> str:
    """What the figures depend on, in a few lines."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.strip()
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    where = ", ".join(f"{name}: {path} ({filesystem_of(path)})" for name, path in places.directories.items())
    return "\n".join(
        [
            f"{len(os.sched_getaffinity(0))} cores ({cpu}), {memory_bytes // 2**30} GiB, "
            f"Linux {platform.release()}, load {os.getloadavg()[0]:.2f}",
            f"Python {platform.python_version()} with {ssl.OPENSSL_VERSION}; openssl command: {openssl}",
            where,
        ]
    )


def run_module(module: str, *arguments: str | Path) -> dict[str, float]:
    """What ``python -m module`` prints, a JSON object, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[1],
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found

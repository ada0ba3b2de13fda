"""The machine: what the figures depend on, idle cores, directories to work in."""

from __future__ import annotations

import json
import os
import platform
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .scale import MIB, Places

REPOSITORY = Path(__file__).resolve().parents[1]
_LOOK_S = 0.3
_IDLE_MOST = 0.08  # of all cores: a machine is never quite still


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


def run_command(*command: str | Path) -> None:
    """Runs to its end, silently. Raises ``CalledProcessError``."""
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def run_module(module: str, *arguments: str | Path) -> dict[str, Any]:
    """What ``python -m module`` prints, a JSON object, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], check=True, stdout=subprocess.PIPE, cwd=REPOSITORY
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def write_random(path: Path, size_bytes: int) -> Path:
    """A file of bytes that no filesystem can compress or share; it is in the page cache afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    left = size_bytes
    with path.open("wb") as file:
        while left > 0:
            left -= file.write(os.urandom(min(left, 4 * MIB)))
    return path


def write_many(top: Path, count: int, size_bytes: int) -> Path:
    """So many files, a hundred in a directory, no two alike; returns ``top``."""
    for number in range(count):
        if number % 100 == 0:
            (directory := top / f"part-{number // 100:04d}").mkdir(parents=True)
        (directory / f"{number:06d}.bin").write_bytes(os.urandom(size_bytes))
    return top


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


def facts(places: Places) -> list[str]:
    """What the figures depend on, in a few lines that name no path."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.strip()
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return [
        f"{len(os.sched_getaffinity(0))} cores ({next(named, platform.machine())}), {memory_bytes // 2**30} GiB, "
        f"Linux {platform.release()}",
        f"Python {platform.python_version()} with {ssl.OPENSSL_VERSION}; openssl command: {openssl}",
        ", ".join(f"{name}: {filesystem_of(path)}" for name, path in places.directories.items()),
    ]


def commit() -> str:
    """The commit that is measured, with a plus if files differ from it; empty outside a clone."""
    done = subprocess.run(
        ["git", "describe", "--always", "--abbrev=10", "--dirty=+"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()

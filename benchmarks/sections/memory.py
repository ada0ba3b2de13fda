"""Peak memory of registering and verifying a large package, above an idle registry, in a process of its own.

``python -m benchmarks.sections.memory ROOT SOURCE WARM_UP`` is that process.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from registry_core import ModelRegistry

from ..machine import require_room, run_module, scratch
from ..scale import MIB, Places, Scale
from ..tables import Row, Table

UNITS = 4
MOST_MIB = 64
FILES = 4  # several at once: each running file has buffers of its own


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table, measured in the first place."""
    size_bytes = UNITS * scale.unit_bytes
    require_room(places.main, size_bytes + 64 * MIB)
    with scratch(places.main) as top:
        for name in ("root", "source", "warm-up"):
            (top / name).mkdir()
        (top / "warm-up" / "small").write_bytes(b"x")
        for n in range(FILES):
            with (top / "source" / f"part-{n}.bin").open("wb") as sparse:
                sparse.truncate(size_bytes // FILES)
        peaks = run_module("benchmarks.sections.memory", top / "root", top / "source", top / "warm-up")
    rows = [Row("idle", peaks["idle"] / MIB, "MiB")]
    rows += [
        Row(f"{verb}, above idle", (peaks[verb] - peaks["idle"]) / MIB, "MiB", MOST_MIB)
        for verb in ("register", "verify")
    ]
    return iter([Table(f"peak memory for a package of {size_bytes // MIB} MiB in {FILES} files", rows)])


def peak_bytes() -> int:
    """The most memory that this process has had resident (VmHWM, which unlike ru_maxrss does not survive exec)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def main(root: str, source: str, warm_up: str) -> None:
    """Prints the peaks in bytes as JSON."""
    registry = ModelRegistry.open(root)
    registry.register("bench", "warm-up", "1", warm_up)
    registry.verify("bench", "warm-up@1")
    peaks = {"idle": peak_bytes()}
    registry.register("bench", "large", "1", source)
    peaks["register"] = peak_bytes()
    registry.verify("bench", "large@1")
    peaks["verify"] = peak_bytes()
    print(json.dumps(peaks))


if __name__ == "__main__":
    main(*sys.argv[1:])

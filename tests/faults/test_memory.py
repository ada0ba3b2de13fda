"""I9: memory does not grow with the size of a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ..support.machine import MIB, memory_backed, need, remove_tree

SIZE_BYTES = 512 * MIB
ALLOWED_BYTES = 64 * MIB

# VmHWM and not ru_maxrss: that one survives exec, so the child of a large process could hide its growth.
_WORKER = """
import json, re, sys
from pathlib import Path
from registry_core import CoreSettings, ModelRegistry

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

root, source, warm = sys.argv[1:]
registry = ModelRegistry.open(settings=CoreSettings(root=root, workers=2))
registry.register("celltype", "warm-up", "1", warm)
registry.verify("celltype", "warm-up@1")
peaks = {"idle": peak()}
made = registry.register("celltype", "pbmc", "1", source)
peaks["register"] = peak()
peaks["bytes_checked"] = registry.verify("celltype", "pbmc@1").bytes_checked
peaks["verify"] = peak()
print(json.dumps(peaks))
"""


def test_a_large_file_is_taken_in_and_verified_in_little_memory(tmp_path: Path) -> None:
    room = SIZE_BYTES + 64 * MIB
    top = Path(tempfile.mkdtemp(prefix="registry-memory-", dir=memory_backed(room) or tmp_path))
    try:
        volume = os.statvfs(top)
        need(volume.f_bavail * volume.f_frsize > room, f"{room // MIB} MiB of free disk are needed")
        for name in ("root", "source", "warm"):
            (top / name).mkdir()
        (top / "warm" / "small").write_bytes(b"x")
        with (top / "source" / "model.pt").open("wb") as sparse:
            sparse.truncate(SIZE_BYTES)
        done = subprocess.run(
            [sys.executable, "-c", _WORKER, str(top / "root"), str(top / "source"), str(top / "warm")],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert done.returncode == 0, done.stderr
    finally:
        remove_tree(top)
    peaks = json.loads(done.stdout)
    assert peaks["bytes_checked"] > SIZE_BYTES
    assert peaks["register"] - peaks["idle"] < ALLOWED_BYTES
    assert peaks["verify"] - peaks["idle"] < ALLOWED_BYTES

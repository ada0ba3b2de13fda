"""Which process this is, in words that another process of the machine can check."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PROC = Path("/proc")


def this_process() -> dict[str, Any]:
    """Names this process, also after its number has been given to another one."""
    pid = os.getpid()
    return {**_place(), "pid": pid, "started": _started(pid)}


def beating(process: Mapping[str, Any]) -> dict[str, Any]:
    """The process as it says of itself that it lives now."""
    return {**process, "beat_s": time.monotonic()}


def silent_s(process: Mapping[str, Any]) -> float | None:
    """How long ago it said so, whatever has become of the clocks; None of a process of another boot or machine."""
    here, beat_s = _place(), process.get("beat_s")
    if not here or process.get("boot") != here["boot"] or not isinstance(beat_s, float):
        return None
    ago_s = time.monotonic() - beat_s
    return ago_s if ago_s >= 0 else None


def has_died(process: Mapping[str, Any]) -> bool:
    """Whether the process is known to be gone. False where that cannot be seen from here."""
    here = _place()
    if not here or any(process.get(name) != value for name, value in here.items()):
        return False  # another machine's or container's
    pid = process.get("pid")
    return isinstance(pid, int) and _started(pid) != process.get("started")


def _place() -> dict[str, str]:
    """The boot of the machine and the namespace that process numbers are of."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return {"boot": boot, "namespace": os.readlink(_PROC / "self/ns/pid")}
    except OSError:
        return {}


def _started(pid: int) -> str | None:
    """When the process began, in ticks since the boot; None if there is no such process (any more)."""
    try:
        # The name of the program stands in brackets, and may hold anything.
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()

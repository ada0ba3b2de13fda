"""What work costs whatever else the machine does: CPU, bytes read, read calls. Seconds here are of CPU."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Cost:
    """Of one call. ``requests`` are those to an object store."""

    cpu_s: float
    read_bytes: float
    reads: float
    requests: float = 0


def now(requests: Callable[[], int] | None = None) -> Cost:
    """What this process has used so far, its threads included."""
    words = Path("/proc/self/io").read_text().split()
    asked = requests() if requests else 0
    return Cost(time.process_time(), int(words[1]), int(words[5]), asked)


def between(before: Cost, after: Cost, asking: Cost) -> Cost:
    """The difference, less what asking itself reads."""
    return Cost(
        after.cpu_s - before.cpu_s,
        after.read_bytes - before.read_bytes - asking.read_bytes,
        after.reads - before.reads - asking.reads,
        after.requests - before.requests - asking.requests,
    )


class Meter:
    """Costs of calls in this process."""

    def __init__(self, requests: Callable[[], int] | None = None) -> None:
        self._requests = requests
        self._asking = Cost(0, 0, 0)
        self._asking = self.cost(lambda: None)

    def cost(self, call: Callable[[], object]) -> Cost:
        """Of one call."""
        before = now(self._requests)
        call()
        return between(before, now(self._requests), self._asking)

    def typical(
        self, call: Callable[[], object], prepare: Callable[[], object] = lambda: None, *, calls: int, most_s: float
    ) -> Cost:
        """The least CPU, since what disturbs only adds, and the median of what is counted; one call at least.

        ``prepare`` runs before each and is not counted. No further call is made once ``most_s`` are used.
        """
        costs: list[Cost] = []
        while len(costs) < calls and sum(cost.cpu_s for cost in costs) < most_s:
            prepare()
            costs.append(self.cost(call))
        return Cost(
            min(cost.cpu_s for cost in costs),
            median(cost.read_bytes for cost in costs),
            median(cost.reads for cost in costs),
            median(cost.requests for cost in costs),
        )


def with_children(call: Callable[[], object]) -> float:
    """CPU seconds of the call in this process and in the children that it has waited for."""
    before = _all_seconds()
    call()
    return _all_seconds() - before


def _all_seconds() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def of_command(*command: str | Path, env: dict[str, str] | None = None) -> float:
    """CPU seconds of the command and of its children. Raises ``CalledProcessError``."""
    process = subprocess.Popen(
        [str(part) for part in command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, [str(part) for part in command])
    return used.ru_utime + used.ru_stime


def of_server(pid: int) -> float:
    """CPU seconds so far of the process and of all below it that live, as gunicorn's workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    # What clock_getcpuclockid(3) makes of a process; it is finer than the ticks in /proc.
    return time.clock_gettime((~pid << 3) | 2) + sum(of_server(int(child)) for child in children)

"""Contenders that take turns, and what their times say."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from .machine import await_idle
from .tables import number

TURNS_S = 120.0

# One run of a contender: it prepares and cleans up itself, and returns the seconds that count.
Contender = Callable[[], float]


def take_turns(contenders: Mapping[str, Contender], rounds: int, patience_s: float = 0.0) -> dict[str, list[float]]:
    """The seconds of each contender in each round. They take turns, so that a drift of the machine hits all.

    No further round begins after TURNS_S, so that a slow machine ends too.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    until = time.monotonic() + TURNS_S
    for done in range(rounds):
        if done and time.monotonic() > until:
            break
        for name, run in contenders.items():
            await_idle(patience_s)
            seconds[name].append(run())
    return seconds


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

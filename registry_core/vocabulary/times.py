"""What time it is, for whoever removes what is old."""

from __future__ import annotations

import time

_BEGAN_S = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def steady_s() -> float:
    """What time it is, in seconds since 1970; a clock that jumps ahead while this process runs is not followed.

    To tell what is old enough to be removed: too early is safe, and too late is not.
    """
    return min(time.time(), _BEGAN_S + time.clock_gettime(time.CLOCK_BOOTTIME))

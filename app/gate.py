"""Long work never takes the last thread: a slow register or verify must not starve ``/health``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import current_app

from .errors import Busy

RESERVED_THREADS = 4  # of each worker, for calls that answer at once
READERS = 8  # calls of each worker that read whole packages at the same moment; more only queue

P = ParamSpec("P")
R = TypeVar("R")


class Gate:
    """Admits as many long calls as leave some threads free, and lets a few of them read bytes."""

    def __init__(self, threads: int) -> None:
        self.admitted = threading.BoundedSemaphore(max(1, threads - RESERVED_THREADS))
        self.reading = threading.BoundedSemaphore(READERS)


def may_wait(view: Callable[P, R]) -> Callable[P, R]:
    """The view may wait for a lock; beyond the limit it is answered 503 ``busy`` at once."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        gate: Gate = current_app.extensions["gate"]
        if not gate.admitted.acquire(blocking=False):
            raise Busy
        try:
            return view(*args, **kwargs)
        finally:
            gate.admitted.release()

    return guarded


def reads_bytes(view: Callable[P, R]) -> Callable[P, R]:
    """The view reads whole packages: as :func:`may_wait`, and only a few run at a time."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        gate: Gate = current_app.extensions["gate"]
        with gate.reading:
            return view(*args, **kwargs)

    return may_wait(guarded)

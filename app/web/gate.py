"""Long work never takes the last thread: a slow register or verify must not starve ``/health``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import current_app

from .errors import Busy

RESERVED_THREADS = 4  # of each worker, for calls that answer at once
DOWNLOADS = 0.75  # of the threads that long calls may take, so that registrations find some too
STREAMS = 8  # event streams of each worker: each holds a thread for as long as its client listens
READERS = 8  # calls of each worker that read whole packages at the same moment; more only queue

P = ParamSpec("P")
R = TypeVar("R")


class Gate:
    """Admits as many long calls as leave some threads free, and lets a few of them read bytes."""

    def __init__(self, threads: int) -> None:
        admitted = max(1, threads - RESERVED_THREADS)
        self.admitted = threading.BoundedSemaphore(admitted)
        self.downloading = threading.BoundedSemaphore(max(1, int(admitted * DOWNLOADS)))
        self.reading = threading.BoundedSemaphore(READERS)
        self.streaming = threading.BoundedSemaphore(max(1, min(STREAMS, admitted // 2)))

    def admit_stream(self) -> Callable[[], None]:
        """A place for a stream; call what is returned when it ends. Raises ``Busy``."""
        return self._admit(self.streaming)

    def admit_download(self) -> Callable[[], None]:
        """As :meth:`admit_stream`, for an answer that is sent as slowly as its reader takes it."""
        return self._admit(self.downloading)

    def _admit(self, places: threading.BoundedSemaphore) -> Callable[[], None]:
        if not places.acquire(blocking=False):
            raise Busy
        if not self.admitted.acquire(blocking=False):
            places.release()
            raise Busy

        def leave() -> None:
            self.admitted.release()
            places.release()

        return leave


def current_gate() -> Gate:
    gate: Gate = current_app.extensions["gate"]
    return gate


def may_wait(view: Callable[P, R]) -> Callable[P, R]:
    """The view may wait for a lock; beyond the limit it is answered 503 ``busy`` at once."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        gate = current_gate()
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
        with current_gate().reading:
            return view(*args, **kwargs)

    return may_wait(guarded)

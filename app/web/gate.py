"""Long work never takes the last thread: a slow register or verify must not starve ``/health``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, Response, current_app, has_request_context, request

from .errors import Busy, refuse_as_busy

RESERVED_THREADS = 4  # of each worker, for calls that answer at once
DOWNLOADS = 0.75  # of the threads that long calls may take, so that registrations find some too
STREAMS = 8  # event streams of each worker: each holds a thread for as long as its client listens
WAITS = 0.5  # of the same: for clients that send or take slowly; the rest is for those that do not
BUILDERS = 2  # answers of each worker that may be large and are made at the same moment; more queue
BUILDERS_WAIT_S = 10.0  # and are refused after that
LARGE_BYTES = 256 * 1024  # an answer from this size on counts until it is sent
ANSWERS_BYTES = 128 * 1024 * 1024  # of all such answers of each worker together
READERS = 8  # calls of each worker that read whole packages at the same moment; more only queue

P = ParamSpec("P")
R = TypeVar("R")


class Gate:
    """Admits as many long calls as leave some threads free, and lets a few of them read bytes."""

    def __init__(self, threads: int) -> None:
        admitted = max(1, threads - RESERVED_THREADS)
        self.admitted = threading.BoundedSemaphore(admitted)
        self.downloading = threading.BoundedSemaphore(max(1, int(admitted * DOWNLOADS)))
        self.waiting = threading.BoundedSemaphore(max(1, int(admitted * WAITS)))
        self.building = threading.BoundedSemaphore(BUILDERS)
        self.judging = threading.Lock()
        self._answers_bytes = 0
        self._counting = threading.Lock()
        self.reading = threading.BoundedSemaphore(READERS)
        self.streaming = threading.BoundedSemaphore(max(1, min(STREAMS, admitted // 2)))

    def admit_stream(self) -> Callable[[], None]:
        """A place for a stream; call what is returned when it ends. Raises ``Busy``."""
        return self._admit(self.streaming)

    def admit_download(self) -> Callable[[], None]:
        """As :meth:`admit_stream`, for an answer that is sent as slowly as its reader takes it."""
        return self._admit(self.downloading)

    def try_wait(self) -> Callable[[], None] | None:
        """A place to wait for a slow client, None if there is none; call what is returned when it is no longer so."""
        try:
            return self._take(self.waiting)
        except Busy:
            return None

    @contextmanager
    def judge(self) -> Iterator[None]:
        """One large body at a time is parsed and judged, so that this takes one share of the worker's time at most.

        The others queue, in places. Raises ``Busy``.
        """
        leave = self._take(self.waiting)
        try:
            with self.judging:
                yield
        finally:
            leave()

    def keep(self, size_bytes: int) -> Callable[[], None]:
        """An answer of that size waits to be sent; call what is returned when it has been. Raises ``Busy``."""
        with self._counting:
            if self._answers_bytes + size_bytes > ANSWERS_BYTES:
                raise Busy
            self._answers_bytes += size_bytes

        def leave() -> None:
            with self._counting:
                self._answers_bytes -= size_bytes

        return leave

    def _admit(self, places: threading.BoundedSemaphore) -> Callable[[], None]:
        leave = self._take(places)
        connection = request.environ.get("gunicorn.socket") if has_request_context() else None
        if connection is None:
            return leave
        connection.has_place = True  # whoever waits for its client does so in this place (app/web/peer.py)

        def leave_both() -> None:
            connection.has_place = False
            leave()

        return leave_both

    def _take(self, places: threading.BoundedSemaphore) -> Callable[[], None]:
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


def may_be_large(view: Callable[P, R]) -> Callable[P, R]:
    """The answer may be large: as :func:`may_wait`, and only a few such are made at a time.

    Their bytes are counted until they are sent (:func:`init_app`).
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        building = current_gate().building
        if not building.acquire(timeout=BUILDERS_WAIT_S):
            raise Busy
        try:
            return view(*args, **kwargs)
        finally:
            building.release()

    return may_wait(guarded)


def init_app(app: Flask, gate: Gate) -> None:
    """From now on the gate admits the calls of the application, and counts its large answers."""
    app.extensions["gate"] = gate
    app.after_request(_keep)


def _keep(response: Response) -> Response:
    if not response.is_streamed and not response.direct_passthrough:
        size_bytes = response.calculate_content_length() or 0
        if size_bytes >= LARGE_BYTES:
            try:
                response.call_on_close(current_gate().keep(size_bytes))
            except Busy:
                return refuse_as_busy()
    return response


def reads_bytes(view: Callable[P, R]) -> Callable[P, R]:
    """The view reads whole packages: as :func:`may_wait`, and only a few run at a time."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        with current_gate().reading:
            return view(*args, **kwargs)

    return may_wait(guarded)

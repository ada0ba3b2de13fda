"""The connection to a client. Whoever waits for it holds a place of the gate meanwhile, and not for ever.

A thread that waits for a slow body, or for a reader that takes nothing, answers nobody else. So all that wait share
some of the worker's threads, and the others stay for who has sent all and takes all.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .gate import Gate

STALLED_S = 300.0  # a client that takes no byte for so long is gone, and its thread is needed
PART_BYTES = 1024 * 1024  # that the kernel sends before it is asked again whether more may follow


class Pace:
    """How fast bytes must come: in each span of ``patience_s`` as many as the least rate makes."""

    def __init__(
        self, patience_s: float, least_bytes_per_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._least_bytes = max(1.0, patience_s * least_bytes_per_s)
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """From now on."""
        self._until = self._clock() + self._patience_s
        self._bytes = 0

    def count(self, size_bytes: int) -> None:
        """So many bytes have come. Enough of them begin a new span; none are saved up for a later one."""
        self._bytes += size_bytes
        if self._bytes >= self._least_bytes:
            self.begin()

    @property
    def left_s(self) -> float:
        """How long the bytes that are missing may still take."""
        return self._until - self._clock()


class Late(TimeoutError):
    """The client sends or takes too slowly."""


class NoPlace(TimeoutError):
    """The client would have to be waited for, and as many are waited for as there may be."""


class Peer:
    """A socket that waits as said above. Everything else is the socket's own."""

    def __init__(self, sock: socket.socket, gate: Gate, pace: Pace) -> None:
        self._socket = sock
        self._gate = gate
        self._pace = pace
        self.begin()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def begin(self) -> None:
        """A request begins."""
        self.has_place = False  # whoever has been admitted to a transfer waits in that place
        self.failure: str | None = None  # why the client is given up: late, or busy
        self._finish_by: float | None = None
        self._pace.begin()

    def finish_in(self, seconds: float) -> None:
        """Of this request nothing is waited for any longer than that."""
        self._finish_by = time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        """As a socket's. Raises ``Late``, ``NoPlace``."""
        self._wait(select.POLLIN)
        data = self._socket.recv(size)
        self._pace.count(len(data))
        return data

    def recv_into(self, buffer: memoryview, size: int = 0) -> int:
        """As :meth:`recv`."""
        self._wait(select.POLLIN)
        count = self._socket.recv_into(buffer, size)
        self._pace.count(count)
        return count

    def sendall(self, data: bytes) -> None:
        """As a socket's. Raises ``Late``, ``NoPlace``."""
        left = memoryview(data)
        self._pace.begin()
        while left:
            self._wait(select.POLLOUT)
            sent = self._socket.send(left, socket.MSG_DONTWAIT)
            left = left[sent:]
            self._pace.count(sent)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """As a socket's, and all of it in a place. A file with ``ask`` is asked before each part."""
        ask = getattr(file, "ask", None)
        with self._placed():
            if ask is None or count is None:
                return self._socket.sendfile(file, offset=offset, count=count)
            sent = 0
            while sent < count:
                ask()
                part = self._socket.sendfile(file, offset=offset + sent, count=min(PART_BYTES, count - sent))
                if part == 0:
                    break
                sent += part
            return sent

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._socket, event)
        if poll.poll(0):
            return
        with self._placed():
            if not poll.poll(max(0.0, self._patience_s(event)) * 1000):
                self.failure = "late"
                raise Late("the client is too slow")

    def _patience_s(self, event: int) -> float:
        # A reader that was admitted may take its time, as long as it takes something now and then.
        admitted_reader = event == select.POLLOUT and self.has_place
        limits = [STALLED_S if admitted_reader else self._pace.left_s]
        timeout_s = self._socket.gettimeout()
        if timeout_s is not None:
            limits.append(timeout_s)
        if self._finish_by is not None:
            limits.append(self._finish_by - time.monotonic())
        return min(limits)

    @contextmanager
    def _placed(self) -> Iterator[None]:
        if self.has_place:
            yield
            return
        leave = self._gate.try_wait()
        if leave is None:
            self.failure = "busy"
            raise NoPlace("too many clients are waited for")
        try:
            yield
        finally:
            leave()


_RELAYED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_", "HTTP_X_REAL_IP", "HTTP_VIA")


def comes_from_here(environ: Mapping[str, Any]) -> bool:
    """Whether whoever asks is at work on this machine: it reached an address of its own, and no proxy stands between.

    Under a server that does not say which address was reached, that of the caller counts.
    """
    if any(name.startswith(_RELAYED) for name in environ):
        return False
    connection = environ.get("gunicorn.socket")
    if connection is None:
        return _is_loopback(environ.get("REMOTE_ADDR") or "")
    reached = connection.getsockname()
    return connection.family == socket.AF_UNIX or _is_loopback(reached[0])


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback

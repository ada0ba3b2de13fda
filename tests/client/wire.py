"""A line between a client and a server that can be cut, held or tampered with at any byte. Real sockets."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

CHUNK_BYTES = 16 * 1024
_RESET = struct.pack("ii", 1, 0)  # close without lingering: the peer sees a reset


class Wire:
    """The line's address. ``at_byte(n, act)``: ``act`` is called when the n-th byte is about to pass, either way.

    ``change``: what is done with every piece on its way to the client; ``change_up``: to the server.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.change: Callable[[bytes], bytes] = lambda data: data
        self.change_up: Callable[[bytes], bytes] = lambda data: data
        self._mutex = threading.Lock()
        self._passed = 0
        self._trigger: tuple[int, Callable[[], None]] | None = None
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def at_byte(self, count: int, act: Callable[[], None]) -> None:
        """Once, from now on."""
        with self._mutex:
            self._passed, self._trigger = 0, (count, act)

    @property
    def passed(self) -> int:
        """Bytes since the last ``at_byte``."""
        return self._passed

    def cut(self) -> None:
        """Every connection is reset; new ones are taken."""
        with self._mutex:
            connections, self._open = self._open, set()
        for connection in connections:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def cut_again(self, first: int, then: int, times: int) -> list[int]:
        """Cut at byte ``first``, and after each ``then`` more, ``times`` at most; the list gets an entry each time."""
        cuts: list[int] = []

        def strike() -> None:
            cuts.append(self.passed)
            self.cut()
            if len(cuts) < times:
                self.at_byte(then, strike)

        self.at_byte(first, strike)
        return cuts

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake who waits in accept
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            parts = urlsplit(self.upstream)
            try:
                server = socket.create_connection((parts.hostname, parts.port), timeout=100)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._mutex:
                self._open |= {client, server}
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, to_client: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                for piece, act in self._pieces(data):
                    if piece:
                        target.sendall(self.change(piece) if to_client else self.change_up(piece))
                    if act is not None:
                        act()
        for connection in (source, target):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        with self._mutex:
            self._open -= {source, target}
        source.close()

    def _pieces(self, data: bytes) -> list[tuple[bytes, Callable[[], None] | None]]:
        with self._mutex:
            before, self._passed = self._passed, self._passed + len(data)
            if self._trigger is None or self._passed < self._trigger[0]:
                return [(data, None)]
            at, act = self._trigger
            self._trigger = None
        split = max(0, at - before)
        return [(data[:split], act), (data[split:], None)]


@contextmanager
def wire(upstream: str) -> Iterator[Wire]:
    """A line to ``upstream`` (``http://host:port``)."""
    made = Wire(upstream)
    try:
        yield made
    finally:
        made.close()

"""A server that misbehaves as it is told: each request gets the next act of its script, the last one for ever."""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Act = Callable[["_Handler"], None]


def answer(status: int, body: Any = b"", headers: dict[str, str] | None = None) -> Act:
    """A whole answer; a body that is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda handler: handler.reply(status, headers or {}, data, len(data))


def problem(status: int, code: str, headers: dict[str, str] | None = None, **fields: Any) -> Act:
    """A problem document as the service writes them."""
    document = {"type": "urn:x", "title": "T", "status": status, "detail": "In words.", "ok": False, "code": code}
    return answer(status, {**document, **fields}, {"Content-Type": "application/problem+json", **(headers or {})})


def truncated(status: int, body: bytes, kept: int, headers: dict[str, str] | None = None) -> Act:
    """The head promises all of the body; the connection ends after ``kept`` bytes of it."""
    return lambda handler: handler.reply(status, headers or {}, body[:kept], len(body))


def drop(handler: "_Handler") -> None:
    """The connection is reset in place of an answer."""
    handler.close_connection = True
    with suppress(OSError):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    for handle in (handler.rfile, handler.wfile, handler.connection):
        with suppress(OSError):
            handle.close()


class Scripted:
    """The server's address, its script, and what it was asked."""

    def __init__(self) -> None:
        self.script: list[Act] = []
        self.asked: list[Asked] = []
        self.silence = threading.Event()
        self._mutex = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.scripted = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def plays(self, *acts: Act) -> None:
        """From now on; what was asked is forgotten."""
        with self._mutex:
            self.script, self.asked = list(acts), []

    def silent(self, handler: "_Handler") -> None:
        """No answer until the test is over."""
        self.silence.wait(60)
        drop(handler)

    def next(self, asked: Asked) -> Act:
        with self._mutex:
            self.asked.append(asked)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def close(self) -> None:
        self.silence.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def scripted(*acts: Act) -> Iterator[Scripted]:
    made = Scripted()
    made.plays(*acts)
    try:
        yield made
    finally:
        made.close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    scripted: Scripted


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.scripted.next(Asked(self.command, self.path, headers, body))(self)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _handle

    def reply(self, status: int, headers: dict[str, str], body: bytes, length_bytes: int) -> None:
        kept = {"Content-Type": "application/json", **headers, "Content-Length": str(length_bytes)}
        if headers.get("Transfer-Encoding") == "chunked":
            del kept["Content-Length"]
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in kept.items()), "", ""]
        with suppress(OSError):
            self.wfile.write("\r\n".join(lines).encode("latin-1") + (b"" if self.command == "HEAD" else body))
        if len(body) < length_bytes:
            self.close_connection = True

    def handle(self) -> None:
        with suppress(OSError, ValueError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Nothing: ``asked`` has it."""

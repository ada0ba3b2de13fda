"""A network that fails on purpose: an HTTP proxy whose rules lose replies, cut bodies, delay and refuse.

It stands between a client and one server, over real sockets. Requests go on as they came, ``Host``
included, so the signatures of S3 hold.
"""

from __future__ import annotations

import http.client
import random
import re
import socket
import socketserver
import struct
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler
from typing import Any

UPSTREAM_TIMEOUT_S = 60.0
HELD_AT_MOST_S = 60.0
_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please slow down.</Message></Error>'
)
_RESET = struct.pack("ii", 1, 0)  # close without lingering: the peer sees a reset


class Fault(Enum):
    """What befalls one request."""

    LOSE_REPLY = "it takes effect; the connection is reset in place of the answer"
    RESET = "the connection is reset; the server never sees the request"
    SLOW_DOWN = "503 SlowDown; the server never sees the request"
    DELAY = "it is held for a while, and then goes on"
    CUT = "the answer's body ends in the middle"
    SHORTEN = "half of the answer's body comes, under a length that fits it"
    LATE = "the connection is reset at once; the request takes effect when the proxy is told to let it go"


@dataclass
class Rule:
    """Which requests a fault befalls: those that match, but for the first ``skip``, at most ``times``.

    ``method`` and ``key`` are regular expressions for the whole method and for any part of the
    decoded path and query; ``probability`` is drawn for each request that is left.
    """

    fault: Fault
    method: str = ".*"
    key: str = ""
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    delay_s: float = 0.05
    seen: int = 0
    struck: int = 0

    def strikes(self, method: str, target: str, draw: random.Random) -> bool:
        if not re.fullmatch(self.method, method) or not re.search(self.key, target):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.struck >= self.times):
            return False
        if draw.random() >= self.probability:
            return False
        self.struck += 1
        return True


@dataclass(frozen=True)
class Passed:
    """One request that came by. ``status`` is the server's, None where it was never asked."""

    method: str
    target: str
    fault: Fault | None
    status: int | None


class FaultyProxy:
    """The proxy's address, its rules, and what came by. The first rule that strikes is the one."""

    def __init__(self, upstream: str, seed: int = 0) -> None:
        self.upstream = urllib.parse.urlsplit(upstream).netloc
        self.rules: list[Rule] = []
        self.passed: list[Passed] = []
        self.let_go = threading.Event()
        self._draw = random.Random(seed)
        self._mutex = threading.Lock()
        self._late: list[threading.Thread] = []
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, fault: Fault, **matching: Any) -> Rule:
        """A new rule, in force from now on, after those that are there."""
        rule = Rule(fault, **matching)
        with self._mutex:
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """No rule is in force, and nothing is remembered of what came by."""
        with self._mutex:
            self.rules.clear()
            self.passed.clear()

    def release_late(self) -> None:
        """Every request held by ``LATE`` has taken effect (or failed) when this returns."""
        self.let_go.set()
        for thread in self._late:
            thread.join(UPSTREAM_TIMEOUT_S)
            assert not thread.is_alive()

    def choose(self, method: str, target: str) -> Rule | None:
        with self._mutex:
            return next((rule for rule in self.rules if rule.strikes(method, target, self._draw)), None)

    def note(self, method: str, target: str, fault: Fault | None, status: int | None) -> None:
        with self._mutex:
            self.passed.append(Passed(method, target, fault, status))

    def is_late(self) -> None:
        self._late.append(threading.current_thread())

    def serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.let_go.set()
        self._server.hang_up()


@contextmanager
def faulty_proxy(upstream: str, *, seed: int = 0) -> Iterator[FaultyProxy]:
    """A proxy before ``upstream`` (``http://host:port``) that has no rule yet."""
    proxy = FaultyProxy(upstream, seed)
    proxy.serve()
    try:
        yield proxy
    finally:
        proxy.close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: FaultyProxy) -> None:
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # Not the inherited one: it says goodbye first, and a reset says none.
        self._open.discard(request)
        request.close()

    def hang_up(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = urllib.parse.unquote(self.path)
        rule = proxy.choose(self.command, target)
        fault = rule.fault if rule else None
        if fault is Fault.RESET:
            proxy.note(self.command, target, fault, None)
            self._reset()
        elif fault is Fault.SLOW_DOWN:
            proxy.note(self.command, target, fault, None)
            self._answer(503, "Slow Down", [("Content-Type", "application/xml")], _SLOW_DOWN)
        elif fault is Fault.LATE:
            proxy.is_late()
            self._reset()
            if proxy.let_go.wait(HELD_AT_MOST_S):
                with suppress(OSError, http.client.HTTPException):
                    proxy.note(self.command, target, fault, self._forward(body)[0].status)
        else:
            if rule is not None and fault is Fault.DELAY:
                proxy.let_go.wait(rule.delay_s)
            self._forward_and_answer(target, fault, body)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _handle

    def _forward_and_answer(self, target: str, fault: Fault | None, body: bytes) -> None:
        try:
            answer, content = self._forward(body)
        except (OSError, http.client.HTTPException):
            self.server.proxy.note(self.command, target, fault, None)
            self._reset()  # the server is gone: so is the connection to it
            return
        self.server.proxy.note(self.command, target, fault, answer.status)
        headers = [(n, v) for n, v in answer.getheaders() if n.lower() not in ("transfer-encoding", "connection")]
        if fault is Fault.LOSE_REPLY:
            self._reset()
        elif fault in (Fault.CUT, Fault.SHORTEN) and answer.status in (200, 206) and content:
            length = len(content) if fault is Fault.CUT else len(content) // 2
            self._answer(answer.status, answer.reason, headers, content[: len(content) // 2], length_bytes=length)
            self.close_connection = True
        else:
            self._answer(answer.status, answer.reason, headers, content)

    def _forward(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        upstream = http.client.HTTPConnection(self.server.proxy.upstream, timeout=UPSTREAM_TIMEOUT_S)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            return answer, answer.read()
        finally:
            upstream.close()

    def _answer(
        self, status: int, reason: str, headers: list[tuple[str, str]], body: bytes, length_bytes: int | None = None
    ) -> None:
        kept = list(headers)
        if self.command != "HEAD" and status not in (204, 304):
            kept = [(name, value) for name, value in kept if name.lower() != "content-length"]
            kept.append(("Content-Length", str(len(body) if length_bytes is None else length_bytes)))
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in kept), "", ""]
        with suppress(OSError):  # the client has given up
            self.wfile.write("\r\n".join(lines).encode("latin-1") + body)

    def _reset(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        for handle in (self.rfile, self.wfile, self.connection):
            with suppress(OSError):
                handle.close()

    def handle(self) -> None:
        with suppress(OSError, ValueError):  # the client hung up
            super().handle()

    def log_message(self, *_: object) -> None:
        """Nothing: ``passed`` has it."""

"""Connections whose request has not come yet: their heads are gathered in one place, and no thread waits for them."""

from __future__ import annotations

import errno
import json
import selectors
import time
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.errors import ConfigError  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

MOST_HEAD_BYTES = 64 * 1024
LINGER_S = 2.0  # of a stopping worker, for a request that is on its way
_END = b"\r\n\r\n"
_PASSING = (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK)

_TOO_LARGE = json.dumps(
    {
        "type": "urn:omnibioai:model-registry:problem:http_431",
        "title": "Request Header Fields Too Large",
        "status": 431,
        "detail": "The request headers are too large.",
        "ok": False,
        "code": "http_431",
        "request_id": None,
    }
).encode()
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s" % (len(_TOO_LARGE), _TOO_LARGE)
)


class HeadGatherer(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, that gives a connection to a thread only once the head of its request is there.

    gunicorn's own waits in a thread, 5 s for the first byte and for ever for the last. Who has not sent its head after
    ``head_timeout_s`` is hung up on; where all connections are taken, whoever has been silent longest.
    """

    head_timeout_s: float

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise ConfigError("This worker speaks no TLS; let a proxy such as deploy/nginx.conf do so.")

    def accept(self, listener: Any) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            return
        self.nr_conns += 1
        self._gather(TConn(self.cfg, client, address, listener.getsockname()), b"")
        self._make_room()

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._gather(conn, b"")

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        searched = max(0, len(conn.head) - len(_END) + 1)
        try:
            data = client.recv(MOST_HEAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        conn.head += data
        is_whole = conn.head.find(_END, searched) >= 0
        if data and not is_whole and len(conn.head) < MOST_HEAD_BYTES:
            return
        self._forget(conn)
        if is_whole:
            self.enqueue_req(conn)
            return
        if data:
            with suppress(OSError):
                client.send(_REFUSAL)
        self.nr_conns -= 1
        self.hang_up(conn, graceful=bool(data))

    def finish_request(self, conn: Any, fs: Any) -> None:
        unreader = getattr(conn.parser, "unreader", None)
        stays = not fs.cancelled() and fs.exception() is None and fs.result() is True
        if stays and unreader is not None and unreader.buf.getvalue():
            self._gather(conn, unreader.take_buffered())  # the next request has begun to come with the last one
        else:
            super().finish_request(conn, fs)

    def handle(self, conn: Any) -> Any:
        conn.data_ready = True
        conn.sock.setblocking(True)
        conn.init()
        conn.parser.unreader.unread(bytes(conn.head))
        conn.head = bytearray()
        return super().handle(conn)

    def hang_up(self, conn: Any, graceful: bool) -> None:
        """Closes a connection without holding up the others."""
        raise NotImplementedError

    def cap_heads(self) -> None:
        """A stopping worker waits only a moment for requests that have not come."""
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, time.monotonic() + LINGER_S)

    def _gather(self, conn: Any, begun: bytes) -> None:
        conn.head = bytearray(begun)
        if _END in begun:
            self.enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + self.head_timeout_s
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _forget(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)

    def _make_room(self) -> None:
        for idle in (self.pending_conns, self.keepalived_conns):
            # One more than it seems: the newest must not be taken for the oldest.
            while self.nr_conns >= self.worker_connections and len(idle) > 1:
                conn = idle.popleft()
                self.poller.unregister(conn.sock)
                self.nr_conns -= 1
                conn.close()

"""gunicorn's threaded worker, that hangs up on newcomers as soon as it is told to stop, and waits for nobody else."""

from __future__ import annotations

import sys
import threading
from functools import partial
from typing import Any

from registry_core import MAX_DOCUMENT_BYTES

from ..config import Settings
from ..web import peer, respond_async
from ..web.peer import Pace, Peer
from ..web.stopping import stopping
from .around import Draining, MethodOverride
from .heads import HeadGatherer

LINGERING = 64  # clients that were answered and have not hung up yet; of more than these none is waited for
SWITCH_S = 0.001  # a thread that computes lets the others in so often; Python's 5 ms add up in a short call

_lingering = threading.BoundedSemaphore(LINGERING)


class Worker(HeadGatherer):
    """A stopping worker refuses new connections at once, so that a proxy or client tries elsewhere.

    gunicorn's own keeps its listening socket until the last running call has ended: whoever connects
    meanwhile waits as long as a registration takes, and is then cut off.
    """

    wsgi: Any  # what gunicorn calls
    service: Any  # the application in it

    def init_process(self) -> None:
        self._settings = Settings.from_env()
        self.head_timeout_s = self._settings.head_timeout_s
        sys.setswitchinterval(SWITCH_S)
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.service = self.wsgi
        overridden = MethodOverride(self.service, self._settings.base_path)
        self.wsgi = Draining(overridden, 2 * max(self._settings.max_body_bytes, MAX_DOCUMENT_BYTES))

    def handle(self, conn: Any) -> Any:
        """As gunicorn's, in a thread; it waits for the client only in a place of the gate."""
        conn.init()
        unreader = conn.parser.unreader
        if not isinstance(unreader.sock, Peer):
            pace = Pace(self._settings.body_patience_s, self._settings.body_least_bytes_per_s)
            unreader.sock = Peer(conn.sock, self.service.extensions["gate"], pace)
        unreader.sock.begin()
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        plain, conn.sock = conn.sock, conn.parser.unreader.sock
        plain.settimeout(peer.STALLED_S)
        try:
            return super().handle_request(req, conn)
        finally:
            conn.sock = plain

    def hang_up(self, conn: Any, graceful: bool) -> None:
        _close(conn, graceful=graceful)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """As gunicorn's, in the thread that takes newcomers; it must not wait there until a client hangs up."""
        conn.close = partial(_close, conn)
        super().finish_request(conn, fs)

    def run(self) -> None:
        super().run()
        respond_async.finish(self.notify, self.cfg.graceful_timeout)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            stopping.set()
            self.cap_heads()
            for listener in self.sockets:
                listener.close()


def _close(conn: Any, graceful: bool = False) -> None:
    """Closes a connection; gunicorn waits up to 2 s for its client to do so too, here in a thread of its own."""
    if graceful and _lingering.acquire(blocking=False):
        threading.Thread(target=_linger, args=(conn,), name="lingering").start()
    else:
        type(conn).close(conn)


def _linger(conn: Any) -> None:
    try:
        type(conn).close(conn, graceful=True)
    finally:
        _lingering.release()

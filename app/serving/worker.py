"""gunicorn's threaded worker, that hangs up on newcomers as soon as it is told to stop, and waits for nobody else."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from ..web import respond_async
from ..web.stopping import stopping

LINGERING = 64  # clients that were answered and have not hung up yet; of more than these none is waited for

_lingering = threading.BoundedSemaphore(LINGERING)


class Worker(ThreadWorker):  # type: ignore[misc]
    """A stopping worker refuses new connections at once, so that a proxy or client tries elsewhere.

    gunicorn's own keeps its listening socket until the last running call has ended: whoever connects
    meanwhile waits as long as a registration takes, and is then cut off.
    """

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

"""gunicorn's threaded worker, that hangs up on newcomers as soon as it is told to stop."""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from ..web import respond_async
from ..web.stopping import stopping


class Worker(ThreadWorker):  # type: ignore[misc]
    """A stopping worker refuses new connections at once, so that a proxy or client tries elsewhere.

    gunicorn's own keeps its listening socket until the last running call has ended: whoever connects
    meanwhile waits as long as a registration takes, and is then cut off.
    """

    def run(self) -> None:
        super().run()
        respond_async.finish(self.notify, self.cfg.graceful_timeout)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            stopping.set()
            for listener in self.sockets:
                listener.close()

"""A proxy in which something happens between a client's HEAD and its GET, as on a busy registry.

``follow_redirects`` makes it a server without the rule that a file's address under an alias leads to the one under
a commit id: it follows that redirect itself, and answers under the address that was asked for.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_REDIRECTS = (301, 302, 307, 308)
_HOPS = ("connection", "transfer-encoding", "server", "date")


@contextmanager
def between(upstream: str, happens: Callable[[], None], *, follow_redirects: bool = False) -> Iterator[str]:
    """Its address. ``happens`` is called once: when the first HEAD of a file is answered, before its answer is sent."""
    once = threading.Lock()
    done = False

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            nonlocal done
            response, body = self._ask(self.path)
            if follow_redirects and response.status in _REDIRECTS:
                response, body = self._ask(str(response.headers["Location"]))
            if self.command == "HEAD" and "/resolve/" in self.path:
                with once:
                    if not done:
                        happens()
                        done = True
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in _HOPS:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_POST = _handle

        def _ask(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
            connection = http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=60)
            try:
                size = int(self.headers.get("Content-Length", 0))
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                connection.request(self.command, path, self.rfile.read(size) or None, headers)
                response = connection.getresponse()
                return response, response.read()
            finally:
                connection.close()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()

"""What our server does around the application, whatever is asked: how a request came over the wire."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from ..web.peer import Peer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CHUNK_BYTES = 64 * 1024
DRAINED_S = 10.0  # a refusal that its sender does not wait for is not worth a longer wait
_OVERRIDDEN = {"PATCH", "DELETE", "HEAD"}


class Draining:
    """Reads up to ``limit_bytes`` of a body that the application left, for up to 10 s: a refusal reaches its sender.

    A server that answers and closes while bytes are still coming makes the kernel reset the connection,
    and a proxy in front then reports 502 in place of our 415 or 413.
    """

    def __init__(self, application: WSGIApplication, limit_bytes: int) -> None:
        self._application = application
        self._limit_bytes = limit_bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._application(environ, start_response)
        body = environ["wsgi.input"]
        left = self._limit_bytes
        peer = environ.get("gunicorn.socket")
        if isinstance(peer, Peer):
            peer.finish_in(DRAINED_S)
        with suppress(OSError, ParseException):  # it is no body, or comes too slowly; gunicorn closes the connection
            while left > 0 and (chunk := body.read(min(left, CHUNK_BYTES))):
                left -= len(chunk)
        return answer


class MethodOverride:
    """What ``X-HTTP-Method-Override`` says on a POST below ``/v1/uploads/`` is the method.

    The protocol wants it for clients that cannot send a PATCH. ``base_path``: what may stand before it.
    """

    def __init__(self, application: WSGIApplication, base_path: str) -> None:
        self._application, self._base_path = application, base_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        if (
            method in _OVERRIDDEN
            and environ["REQUEST_METHOD"] == "POST"
            and environ["PATH_INFO"].removeprefix(self._base_path).startswith("/v1/uploads/")
        ):
            environ["REQUEST_METHOD"] = method
        return self._application(environ, start_response)

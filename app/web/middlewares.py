"""What stands around the application, whatever is asked: WSGI middlewares."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from .peer import Peer

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
        if isinstance(peer, Peer):  # another server than ours may serve
            peer.finish_in(DRAINED_S)
        with suppress(OSError, ParseException):  # it is no body, or comes too slowly; gunicorn closes the connection
            while left > 0 and (chunk := body.read(min(left, CHUNK_BYTES))):
                left -= len(chunk)
        return answer


class BelowPath:
    """All addresses are below ``base_path``, whether a proxy in front has taken it off the request's path or not."""

    def __init__(self, application: WSGIApplication, base_path: str) -> None:
        self._application = application
        self._base_path = base_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["SCRIPT_NAME"] = self._base_path
        path = environ["PATH_INFO"]
        if path == self._base_path or path.startswith(f"{self._base_path}/"):
            environ["PATH_INFO"] = path.removeprefix(self._base_path) or "/"
        return self._application(environ, start_response)


class MethodOverride:
    """What ``X-HTTP-Method-Override`` says on a POST below ``/v1/uploads/`` is the method.

    The protocol wants it for clients that cannot send a PATCH.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        if (
            method in _OVERRIDDEN
            and environ["REQUEST_METHOD"] == "POST"
            and environ["PATH_INFO"].startswith("/v1/uploads/")
        ):
            environ["REQUEST_METHOD"] = method
        return self._application(environ, start_response)

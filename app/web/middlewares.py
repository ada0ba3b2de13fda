"""What stands around the application, whatever is asked: WSGI middlewares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CHUNK_BYTES = 64 * 1024
_OVERRIDDEN = {"PATCH", "DELETE", "HEAD"}


class Draining:
    """Reads up to ``limit_bytes`` of a body that the application left, so that a refusal reaches its sender.

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
        while left > 0 and (chunk := body.read(min(left, CHUNK_BYTES))):
            left -= len(chunk)
        return answer


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

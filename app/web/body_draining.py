"""A refused body is read all the same, so that the refusal reaches its sender.

A server that answers and closes while bytes are still coming makes the kernel reset the connection,
and a proxy in front then reports 502 in place of our 415 or 413.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CHUNK_BYTES = 64 * 1024


class Draining:
    """WSGI middleware: reads up to ``limit_bytes`` of what the application left of the body."""

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

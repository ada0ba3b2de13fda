"""The body of a request as it arrives, read straight from the connection, which waits for it only so long."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Body:
    """A reader of the request's body. One whose connection breaks or falls silent ends there, and is ``broken``.

    ``length`` is what the request says, None for a chunked body. Use it as a context manager.
    """

    def __init__(self, environ: WSGIEnvironment) -> None:
        self.broken = False
        self._environ = environ
        self._input: Any = environ["wsgi.input"]
        self._socket: Any = environ.get("gunicorn.socket")
        length = environ.get("CONTENT_LENGTH")
        self.length = int(length) if length else None if "HTTP_TRANSFER_ENCODING" in environ else 0
        self._count = 0
        self._direct = self._bypass()
        self._ahead = memoryview(b"")

    def _bypass(self) -> Any:
        """gunicorn's reader of a body of known length, if it is as we know it. Its own way copies each byte often."""
        reader = getattr(self._input, "reader", None)
        unreader = getattr(reader, "unreader", None)
        known = (
            type(reader).__name__ == "LengthReader"
            and getattr(unreader, "sock", None) is self._socket
            and hasattr(unreader, "take_buffered")
            and self._input.buf.tell() == 0
        )
        return reader if known else None

    def __enter__(self) -> Body:
        if self._direct is not None:
            ahead = self._direct.unreader.take_buffered()
            self._ahead = memoryview(ahead)[: self._direct.length]
            self._direct.unreader.unread(ahead[len(self._ahead) :])
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._direct is not None and self._ahead:
            self._direct.unreader.unread(bytes(self._ahead))
        if self.broken:
            self._environ["wsgi.input"] = io.BytesIO()  # nobody shall wait for the rest

    def readinto(self, buffer: memoryview, /) -> int:
        """Bytes that have arrived, at least one; 0 at the end."""
        if self.broken:
            return 0
        try:
            count = self._read_socket(buffer) if self._direct is not None else self._read_input(buffer)
        except (OSError, ParseException):
            self.broken = True
            return 0
        if count == 0 and self._direct is not None and self._direct.length > 0:
            self.broken = True
        self._count += count
        return count

    def is_whole(self) -> bool:
        """Whether it ended where it should, and has been read up to there."""
        return not self.broken and self.length in (None, self._count)

    def _read_socket(self, buffer: memoryview) -> int:
        size = min(len(buffer), self._direct.length)
        if self._ahead:
            count = min(size, len(self._ahead))
            buffer[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
        else:
            count = self._socket.recv_into(buffer, size) if size else 0
        self._direct.length -= count
        return int(count)

    def _read_input(self, buffer: memoryview) -> int:
        data = self._input.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

"""A client that takes its time: it reads a little of an answer, and the rest when the test says so."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import urlsplit

from ..support.servers import wait_for

WINDOW_BYTES = 32 * 1024


class SlowDownload:
    """One GET whose answer's head is read, and ``first_bytes`` of its body; the server is held up by the rest.

    The file must be larger than what kernels buffer for a connection, some 4 MiB.
    """

    def __init__(self, url: str, path: str, headers: Mapping[str, str] | None = None, first_bytes: int = 1000) -> None:
        target = urlsplit(url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
        self._socket.settimeout(60)
        self._socket.connect((target.hostname, target.port))
        lines = [f"GET {path} HTTP/1.1", f"Host: {target.netloc}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._response = http.client.HTTPResponse(self._socket)
        self._response.begin()
        self.status = self._response.status
        self.headers = {name.lower(): value for name, value in self._response.getheaders()}
        self._begun = self._response.read(first_bytes)

    def finish(self) -> bytes:
        """The whole body. Fails if it breaks off."""
        body = self._begun + self._response.read()
        self.close()
        assert len(body) == int(self.headers["content-length"]), "the answer broke off"
        return body

    def close(self) -> None:
        self._response.close()
        self._socket.close()

    @classmethod
    def admitted(cls, url: str, path: str, headers: Mapping[str, str] | None = None) -> SlowDownload:
        """One that is let in as soon as a place is free: the server gives it back after the client has hung up."""

        def ask() -> SlowDownload:
            download = cls(url, path, headers)
            if download.status == 503:
                download.close()
            return download

        return wait_for(ask, lambda download: download.status != 503, "no place is free again")

    def __enter__(self) -> SlowDownload:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

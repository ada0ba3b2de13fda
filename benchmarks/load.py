"""A small load generator: HTTP/1.1 over connections that stay open, one request at a time on each.

It parses no more of an answer than it must, since it shares the cores with the server that it measures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .timing import percentile

_PAUSE_S = 0.01  # after a refusal, which comes back far faster than an answer


@dataclass(frozen=True)
class Load:
    """What came back: seconds of every request answered 200, how many were refused, how long the whole took."""

    latencies_s: list[float]
    refused: int
    elapsed_s: float

    @property
    def per_second(self) -> float:
        return len(self.latencies_s) / self.elapsed_s

    def percentile_ms(self, share: float) -> float:
        """Milliseconds; 0 where all were refused."""
        return percentile(self.latencies_s, share) * 1000 if self.latencies_s else 0.0


def get(url: str, authorization: str = "") -> bytes:
    """The request for it, from whoever has that to say, if anything."""
    return _request("GET", url, b"", f"Authorization: {authorization}\r\n" if authorization else "")


def post(url: str, body: bytes) -> bytes:
    """The request that sends it the body, of JSON."""
    about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return _request("POST", url, body, about)


def _request(method: str, url: str, body: bytes, about: str) -> bytes:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{about}\r\n".encode() + body


def drive(url: str, requests: Sequence[bytes], *, seconds: float) -> Load:
    """Sends each of the ``requests`` over a connection of its own to the server of ``url``, again and again, so long.

    503, by which a worker with too much to do refuses a call, is counted. Raises ``RuntimeError`` for every
    other answer that is not 200.
    """
    return asyncio.run(_drive(url, requests, seconds))


async def _drive(url: str, requests: Sequence[bytes], seconds: float) -> Load:
    parts = urlsplit(url)
    assert parts.hostname is not None
    opened = [await asyncio.open_connection(parts.hostname, parts.port) for _ in requests]
    latencies: list[float] = []
    refusals: list[float] = []
    began = time.perf_counter()
    try:
        await asyncio.gather(
            *(
                _one(reader, writer, request, began + seconds, latencies, refusals)
                for (reader, writer), request in zip(opened, requests, strict=True)
            )
        )
    finally:
        for _, writer in opened:
            writer.close()
    return Load(latencies, len(refusals), time.perf_counter() - began)


async def _one(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: bytes,
    until: float,
    latencies: list[float],
    refusals: list[float],
) -> None:
    while (sent := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_content_length(head))
        status = head.split(b" ", 2)[1]
        if status not in (b"200", b"503"):
            raise RuntimeError(f"the server answered {status.decode()}")
        (latencies if status == b"200" else refusals).append(time.perf_counter() - sent)
        if status == b"503":
            await asyncio.sleep(_PAUSE_S)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("the answer does not say how long it is")

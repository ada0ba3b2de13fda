"""How long pages of a service take, one request at a time."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from .timing import percentile

K = TypeVar("K")


@dataclass(frozen=True)
class Latency:
    """How long one kind of page takes, in seconds. ``first_s`` is the first request, not in the others."""

    p50_s: float
    p99_s: float
    first_s: float


def measure(pages: Mapping[K, Sequence[str]], *, requests: int) -> dict[K, Latency]:
    """The latency of each kind of page, so many requests of each: kind -> addresses that take turns.

    Raises ``SystemExit`` for an answer that is not 200.
    """
    connections = {urlsplit(url).netloc: _connect(url) for urls in pages.values() for url in urls}
    seconds: dict[K, list[float]] = {kind: [] for kind in pages}
    for turn in range(requests + 1):
        for kind, urls in pages.items():
            server, path = _split(urls[turn % len(urls)])
            began = time.perf_counter()
            _get(connections[server], path)
            seconds[kind].append(time.perf_counter() - began)
    for connection in connections.values():
        connection.close()
    return {
        kind: Latency(percentile(values[1:], 0.5), percentile(values[1:], 0.99), values[0])
        for kind, values in seconds.items()
    }


def _split(url: str) -> tuple[str, str]:
    """(host and port, path with its query)."""
    parts = urlsplit(url)
    return parts.netloc, parts.path + (f"?{parts.query}" if parts.query else "")


def last_page(url: str, path: str) -> str:
    """The path of the last page of the list that begins at ``path``, by following its links."""
    connection = _connect(url)
    while True:
        link = re.fullmatch(r'<([^>]+)>; rel="next"', _get(connection, path) or "")
        if link is None:
            connection.close()
            return path
        path = link[1]


def _connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)


def _get(connection: http.client.HTTPConnection, path: str) -> str | None:
    """The ``Link`` header of the answer."""
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"GET {path} answered {answer.status}")
    return answer.getheader("Link")


def until_answered(url: str, path: str, timeout_s: float) -> float:
    """Seconds until that is answered with 200. Raises ``TimeoutError``."""
    began = time.perf_counter()
    connection = _connect(url)
    while (seconds := time.perf_counter() - began) < timeout_s:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status == http.HTTPStatus.OK:
            connection.close()
            return time.perf_counter() - began
        time.sleep(min(1.0, 0.02 + seconds / 50))
    raise TimeoutError(f"{path} was not answered in {timeout_s:g} s")

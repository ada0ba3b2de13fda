"""Lists of a large registry over HTTP, next to walking its tree and reading every ``model_meta.json`` once."""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from registry_core import CoreSettings, ModelRegistry
from tests.support.servers import PREFIX, gunicorn

from ..generate import ASSAYS, RARE_WORD, WORDS, generate
from ..machine import await_idle, scratch
from ..scale import MIB, Places, Scale
from ..tables import Row, Table
from ..timing import percentile, timed

WALK_SHARE_MOST = 1 / 100  # of the walk, for every page
GROWTH_MOST = 2.0  # of the page's time over a registry of SMALL_VERSIONS
SMALL_VERSIONS = 1_000
VERSIONS_OF_A_MODEL = 100
PAGE = "/v1/models?limit=50"

# Several of each kind, taking turns: the first of each finds what passes, which is then kept until the
# registry changes; so p99 tells of the former and p50 of the latter. But for the
# unequal ones each page is full at both sizes, so that the same number of versions is sent.
PAGES: dict[str, Sequence[str]] = {
    "first page": [PAGE],
    "filtered page": [f"{PAGE}&metric_gte=accuracy:0.6&tag=assay:{assay}" for assay in ASSAYS],
    "filtered page, few pass": [f"{PAGE}&stage=archived&sort=-created_at", f"{PAGE}&alias=production"],
    "sorted by a metric": [f"{PAGE}&sort=-metric:macro_f1&tag=assay:{assay}" for assay in ASSAYS],
    "full text, a common word": [f"{PAGE}&q={word}" for word in WORDS],
    "full text, the beginning of words": [f"{PAGE}&q={letter}" for letter in "acefr"],
    "full text, a rare word": [f"{PAGE}&q={RARE_WORD}"],
}
UNEQUAL = ("filtered page, few pass", "full text, a rare word")

REMARKS = (
    "One request at a time; kinds of pages and both sizes take turns. 'first' is the first request of its kind.",
    "The walk reads from the page cache.",
)

K = TypeVar("K")


@dataclass(frozen=True)
class Latency:
    """How long one kind of page takes, in seconds. ``first_s`` is the first request, not in the others."""

    p50_s: float
    p99_s: float
    first_s: float


@dataclass(frozen=True)
class Built:
    """A generated registry with its catalogue."""

    root: Path
    walk_s: float
    rebuild_s: float
    index_bytes: int
    versions: int


def run(places: Places, scale: Scale, root: Path | None = None) -> Iterator[Table]:
    """Pages of a small registry and of one a hundred times as large, taking turns.

    ``root`` takes the place of the large one; it is only read, and must have been generated.
    """
    with scratch(places.main) as top:
        small = _build(_generated(top / "small", min(SMALL_VERSIONS, scale.versions)), scale)
        large = _build(root or _generated(top / "large", scale.versions), scale, kept=top / "catalogue")
        versions = large.versions
        with (
            gunicorn(small.root) as small_server,
            gunicorn(large.root, env={f"{PREFIX}CATALOG_DIR": str(top / "catalogue")}) as large_server,
        ):
            pages = {("small", kind): urls for kind, urls in _urls(small_server.url).items()}
            pages |= {("large", kind): urls for kind, urls in _urls(large_server.url).items()}
            await_idle(scale.patience_s)
            found = measure(pages, requests=scale.requests)
    rows = [
        Row(f"walk and read {versions:,} model_meta.json", large.walk_s, "s"),
        Row("rebuild of the catalogue", large.rebuild_s, "s"),
        Row("its size", large.index_bytes / MIB, "MiB"),
    ]
    for (size, kind), latency in found.items():
        if size == "large":
            growth = latency.p50_s / found["small", kind].p50_s
            most = None if kind in UNEQUAL else GROWTH_MOST
            rows += [
                Row(f"{kind}, p50", latency.p50_s * 1000, "ms", WALK_SHARE_MOST * large.walk_s * 1000),
                Row("  p99", latency.p99_s * 1000, "ms"),
                Row("  first", latency.first_s * 1000, "ms"),
                Row(f"  p50 / p50 at {SMALL_VERSIONS:,} versions", growth, "x", most),
            ]
    yield Table(f"catalogue: {versions:,} versions", rows, REMARKS)


def _generated(root: Path, versions: int) -> Path:
    """A fresh registry of so many versions."""
    generate(root, max(1, versions // VERSIONS_OF_A_MODEL), min(versions, VERSIONS_OF_A_MODEL))
    return root


def _build(root: Path, scale: Scale, kept: Path | None = None) -> Built:
    """The registry, walked and indexed; its catalogue is in ``kept``, by default with the registry."""
    await_idle(scale.patience_s)
    walk_s = min(timed(lambda: walk(root)) for _ in range(2))
    settings = CoreSettings(root=str(root), catalog_dir=str(kept) if kept else None)
    registry = ModelRegistry.open(settings=settings)
    await_idle(scale.patience_s)
    rebuild_s = timed(registry.reindex)
    index_bytes = sum(path.stat().st_size for path in (kept or root / ".catalog").iterdir())
    return Built(root, walk_s, rebuild_s, index_bytes, registry.list_models(limit=1).total)


def _urls(server: str) -> dict[str, list[str]]:
    """Every kind of page of a server, the last one found by following the links."""
    pages = {kind: [server + path for path in paths] for kind, paths in PAGES.items()}
    by_metric = f"{PAGE}&sort=-metric:loss"
    last = {"last page": PAGE, "last page, sorted by a metric": by_metric}
    return {**pages, **{kind: [server + last_page(server, path)] for kind, path in last.items()}}


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


def walk(root: Path) -> int:
    """Reads every ``model_meta.json`` below ``root``, as scripts over the tree do. Returns the bytes."""
    total = 0
    for directory, names, files in os.walk(root / "tasks"):
        if "model_meta.json" in files:
            names.clear()
            total += len(Path(directory, "model_meta.json").read_bytes())
    return total

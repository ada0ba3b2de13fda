"""Resolve through gunicorn with two workers at 32 connections, next to ``/health``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from registry_core import ModelRegistry
from tests.support.servers import gunicorn

from ..load import Load, drive, merge
from ..machine import await_idle, scratch, write_random
from ..scale import Places, Scale
from ..tables import Row, Table

WORKERS = 2
CONNECTIONS = 32
ROUNDS = 3
FILE_BYTES = 64 * 1024

REMARKS = ("The load generator shares the cores with the server. Calls take turns; latencies are of all requests.",)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table, over a registry in the first place."""
    with scratch(places.main) as top:
        _fill(top)
        with gunicorn(top / "root", workers=WORKERS) as server:
            urls = {
                "/health": f"{server.url}/health",
                "resolve, verify=false": _resolve(server.url, verify=False),
                "resolve, verify=true (64 KiB)": _resolve(server.url, verify=True),
            }
            for url in urls.values():
                drive(url, connections=CONNECTIONS, seconds=scale.seconds / 10)  # both workers are warm
            loads: dict[str, list[Load]] = {name: [] for name in urls}
            for _ in range(ROUNDS):
                for name, url in urls.items():
                    await_idle(scale.patience_s)
                    loads[name].append(drive(url, connections=CONNECTIONS, seconds=scale.seconds / ROUNDS))
    yield Table(
        f"HTTP: gunicorn, {WORKERS} workers, {CONNECTIONS} connections",
        [row for name, several in loads.items() for row in _rows(name, merge(several))],
        REMARKS,
    )


def _fill(top: Path) -> None:
    (top / "root").mkdir()
    write_random(top / "source" / "model.pt", FILE_BYTES)
    registry = ModelRegistry.open(top / "root")
    for version in range(1, 11):
        registry.register("celltype", "human_pbmc", f"v{version}", top / "source")
    registry.promote("celltype", "human_pbmc", "production", "v7")


def _resolve(url: str, *, verify: bool) -> str:
    query = {"task": "celltype", "ref": "human_pbmc@production", "verify": str(verify).lower()}
    return f"{url}/v1/resolve?{urlencode(query)}"


def _rows(name: str, load: Load) -> list[Row]:
    return [
        Row(name, load.per_second, "requests/s", note=f"{load.refused} refused as busy" if load.refused else ""),
        Row("  p50", load.percentile_ms(0.5), "ms"),
        Row("  p99", load.percentile_ms(0.99), "ms"),
    ]

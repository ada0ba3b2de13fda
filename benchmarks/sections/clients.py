"""Clients at once: requests a second and the server's CPU for each, next to ``/health`` of the same server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from registry_core import ModelRegistry
from tests.support.servers import Server, gunicorn

from ..counting import of_server
from ..load import Load, drive, get, post
from ..machine import await_idle, scratch, write_random
from ..scale import Places, Scale
from ..tables import Growth, Line, Table

WORKERS = 2
FILE_BYTES = 64 * 1024
HEALTH = "/health"
TASK = "celltype"

REMARKS = (
    f"{WORKERS} workers, a connection for each client that stays open; each client promotes in a model of its own.",
    "The load generator shares the cores with the server, so that requests a second say less than CPU does.",
)


def run(places: Places, scale: Scale) -> Iterator[Table | Growth]:
    """Three tables over the number of clients, from a registry in the first place."""
    with scratch(places.main) as top:
        _fill(top, max(scale.clients))
        with gunicorn(top / "root", workers=WORKERS) as server:
            found = {name: [_measure(server, name, n, scale) for n in scale.clients] for name in _NAMES}
    title, bare = "HTTP: {} over clients", HEALTH
    speed = [Line(name, [load.per_second for load, _ in loads]) for name, loads in found.items()]
    cpu = [Line(n, [ms for _, ms in loads], bare="" if n == bare else bare) for n, loads in found.items()]
    slow = [Line(name, [load.percentile_ms(0.99) for load, _ in loads]) for name, loads in found.items()]
    half = [Line(f"{name}, median", [load.percentile_ms(0.5) for load, _ in loads]) for name, loads in found.items()]
    refused = [Line(f"{name}, refused as busy", [load.refused for load, _ in loads]) for name, loads in found.items()]
    busy = [line for line in refused if any(line.values)]
    yield Growth(title.format("the server's CPU for a request"), "clients", scale.clients, "ms", cpu, REMARKS)
    yield Growth(title.format("requests a second"), "clients", scale.clients, "requests/s", [*speed, *busy])
    yield Growth(title.format("the slowest of a hundred"), "clients", scale.clients, "ms", [*slow, *half])


_NAMES = (HEALTH, "resolve", f"resolve, verified ({FILE_BYTES // 1024} KiB)", "promote")


def _fill(top: Path, models: int) -> None:
    (top / "root").mkdir()
    write_random(top / "source" / "model.pt", FILE_BYTES)
    registry = ModelRegistry.open(top / "root")
    for model in range(models):
        for version in ("v1", "v2"):
            registry.register(TASK, f"m{model}", version, top / "source")
        registry.promote(TASK, f"m{model}", "production", "v1")


def _requests(server: Server, name: str, clients: int) -> list[bytes]:
    if name == HEALTH:
        return [get(f"{server.url}{HEALTH}")] * clients
    if name == "promote":
        bodies = [{"task": TASK, "model_name": f"m{n}", "alias": "production", "version": "v2"} for n in range(clients)]
        return [post(f"{server.url}/v1/promote", json.dumps(body).encode()) for body in bodies]
    verify = str("verified" in name).lower()
    query = urlencode({"task": TASK, "ref": "m0@production", "verify": verify})
    return [get(f"{server.url}/v1/resolve?{query}")] * clients


def _measure(server: Server, name: str, clients: int, scale: Scale) -> tuple[Load, float]:
    """(what came back, CPU in ms of the server for each answer)."""
    requests = _requests(server, name, clients)
    drive(server.url, requests, seconds=scale.seconds / 10)  # all is warm
    await_idle(scale.patience_s)
    before = of_server(server.pid)
    load = drive(server.url, requests, seconds=scale.seconds / 2)
    used_s = of_server(server.pid) - before
    return load, round(used_s * 1000 / max(1, len(load.latencies_s) + load.refused), 4)

"""What a request costs a server in CPU, next to ``/health``, and to a gunicorn that does nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

from registry_core import ModelRegistry
from tests.support.servers import gunicorn

from ..bare_servers import bare_gunicorn
from ..counting import of_server
from ..load import drive, get, post
from ..machine import await_idle, scratch, write_random
from ..scale import Places, Scale
from ..tables import Row, Table

MOST_TO_HEALTH = 1 / 0.7
ROUNDS = 5
BARE, HEALTH = "a bare gunicorn", "/health"
NAMED = ("resolve", "show", "aliases")  # those that the target is of
WHY = (
    "what the core does is some 550 calls of Python: the question taken apart, the alias, its version and its state "
    "looked up, each looked for that might be lost, the answer written; nothing of it is remembered"
)
REMARKS = (
    "CPU of one worker's process and its master, one client, one connection that stays open; the least of the rounds.",
)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table, over a registry in the first place."""
    with scratch(places.main) as top:
        _fill(top)
        with gunicorn(top / "root", workers=1) as server, bare_gunicorn() as (bare_url, bare_pid):
            servers = {name: (server.url, server.pid, request) for name, request in _requests(server.url).items()}
            servers[BARE] = (bare_url, bare_pid, get(bare_url + "/"))
            used_ms = {name: float("inf") for name in servers}
            for _ in range(min(scale.rounds, ROUNDS)):
                for name, (url, pid, request) in servers.items():
                    await_idle(scale.patience_s)
                    used_ms[name] = min(used_ms[name], cpu_ms(url, pid, request, scale.seconds / 4))
    yield Table("CPU of the server for a request", _rows(used_ms), REMARKS)


def _rows(used_ms: Mapping[str, float]) -> list[Row]:
    health = used_ms[HEALTH]
    rows = [Row(name, ms, "ms") for name, ms in used_ms.items()]
    rows.append(Row(f"{HEALTH} / {BARE}", health / used_ms[BARE], "x"))
    for name, ms in used_ms.items():
        if name not in (HEALTH, BARE):
            most, why = (MOST_TO_HEALTH, WHY) if name in NAMED else (None, "")
            rows.append(Row(f"{name} / {HEALTH}", ms / health, "x", most, note=why))
    return rows


def _fill(top: Path) -> None:
    (top / "root").mkdir()
    write_random(top / "source" / "model.pt", 1024)
    registry = ModelRegistry.open(top / "root")
    for version in range(1, 51):
        registry.register("celltype", "pbmc", f"v{version}", top / "source")
    for alias in ("production", "staging"):
        registry.promote("celltype", "pbmc", alias, "v7")
    registry.reindex()


def _requests(url: str) -> dict[str, bytes]:
    named = {"task": "celltype", "ref": "pbmc@production"}
    of_model = {"task": "celltype", "model": "pbmc"}
    move = {"task": "celltype", "model_name": "pbmc", "alias": "staging", "version": "v7"}
    return {
        HEALTH: get(f"{url}{HEALTH}"),
        "resolve": get(f"{url}/v1/resolve?{urlencode({**named, 'verify': 'false'})}"),
        "resolve, verified": get(f"{url}/v1/resolve?{urlencode(named)}"),
        "show": get(f"{url}/v1/show?{urlencode(named)}"),
        "aliases": get(f"{url}/v1/aliases?{urlencode(of_model)}"),
        "history": get(f"{url}/v1/history?{urlencode(of_model)}"),
        "list of 1": get(f"{url}/v1/models?limit=1"),
        "list of 50": get(f"{url}/v1/models?limit=50"),
        "tasks": get(f"{url}/v1/tasks"),
        "promote": post(f"{url}/v1/promote", json.dumps(move).encode()),
    }


def cpu_ms(url: str, pid: int, request: bytes, seconds: float) -> float:
    """CPU in milliseconds for each answer."""
    drive(url, [request], seconds=seconds / 10)
    before = of_server(pid)
    load = drive(url, [request], seconds=seconds)
    return (of_server(pid) - before) * 1000 / len(load.latencies_s)

"""How long ``/health`` takes while clients do their worst, through one gunicorn worker."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from registry_core import ModelRegistry
from tests.support.servers import Server, gunicorn

from ..machine import await_idle, scratch, write_random
from ..scale import MIB, Places, Scale
from ..tables import Row, Table
from ..timing import percentile

MOST_MS = 100
SLOW_CLIENTS = 200
PARALLEL = 12
VERSIONS = 16
_HEAD = "{} {} HTTP/1.1\r\nHost: x\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"

Burden = Callable[[Server], AbstractContextManager[None]]


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table, over a registry in the first place."""
    with scratch(places.main) as top:
        _fill(top, versions=max(2, min(VERSIONS, scale.requests // 20)))
        rows = []
        for name, burden in BURDENS.items():
            await_idle(scale.patience_s)
            with gunicorn(top / "root", workers=1) as server, burden(server):
                taken_ms = _ask(server, scale)
            note = f"median {percentile(taken_ms, 0.5):.1f}"
            rows.append(Row(name, percentile(taken_ms, 0.95), "ms", MOST_MS, note))
    remarks = ("The 95th percentile of /health on new connections, one after the other. One worker of 64 threads.",)
    yield Table("/health while others do their worst", rows, remarks)


def _fill(top: Path, versions: int) -> None:
    (top / "root").mkdir()
    write_random(top / "source" / "model.pt", 1024)
    registry = ModelRegistry.open(top / "root")
    for version in range(versions):
        registry.register("t", "m", f"v{version}", top / "source", metadata={"notes": "n" * (MIB - 1024)})


def _ask(server: Server, scale: Scale) -> list[float]:
    taken_ms = []
    until = time.perf_counter() + scale.seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/health")
        if connection.getresponse().status != 200:
            raise RuntimeError("/health is not well")
        connection.close()
        taken_ms.append((time.perf_counter() - began) * 1000)
    return taken_ms


@contextmanager
def _nothing(_: Server) -> Iterator[None]:
    yield


def _slow(data: bytes) -> Burden:
    @contextmanager
    def burden(server: Server) -> Iterator[None]:
        with ExitStack() as held:
            for _ in range(SLOW_CLIENTS):
                client = held.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                client.sendall(data)
            yield

    return burden


def _again(method: str, path: str, body: bytes | None = None) -> Burden:
    """So many clients that ask the same again and again, whatever the answer."""

    @contextmanager
    def burden(server: Server) -> Iterator[None]:
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                with suppress(OSError, http.client.HTTPException):
                    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
                    connection.request(method, path, body, {"Content-Type": "application/json"})
                    connection.getresponse().read()
                    connection.close()

        asking = [threading.Thread(target=ask) for _ in range(PARALLEL)]
        for thread in asking:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in asking:
                thread.join()

    return burden


BURDENS: dict[str, Burden] = {
    "nobody else": _nothing,
    "half a head": _slow(b"GET /health HTTP/1.1\r\n"),
    "a body that does not come": _slow(_HEAD.format("POST", "/v1/verify", "application/json", 1000).encode()),
    "a refused one": _slow(_HEAD.format("POST", "/v1/none", "text/plain", 1000).encode()),
    "4 MiB of numbers": _again("POST", "/v1/uploads", b'{"files":[' + b"0," * (2 * MIB - 10) + b"0]}"),
    "5,000 files that are none": _again(
        "POST", "/v1/uploads", json.dumps({"task": "t", "model_name": "m", "files": [0] * 5000}).encode()
    ),
    "lists of 1 MiB metadata": _again("GET", "/v1/models?limit=1000"),
}

"""One file uploaded through gunicorn, next to ``openssl dgst`` of it; memory of the service during many transfers."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from registry_core import ModelRegistry
from tests.support.servers import Server, gunicorn
from tests.uploads.wire import BYTES, TUS, named

from ..machine import require_room, run_command, scratch, write_random
from ..scale import MIB, Places, Scale
from ..tables import Row, Table
from ..timing import best, speed, spread, take_turns, timed

MOST_RATIO = 2.5
TRANSFERS = 20
MOST_MIB = 100
_LOOK_S = 0.05

REMARKS = ("The client shares the cores with the server.",)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """Two tables, measured in the first place."""
    require_room(places.main, 3 * scale.unit_bytes)
    with scratch(places.main) as top:
        (top / "root").mkdir()
        file = write_random(top / "file", scale.unit_bytes)
        with gunicorn(top / "root") as server:
            yield _against_openssl(server, file, scale)
            yield _memory(server, file, scale)


def _against_openssl(server: Server, file: Path, scale: Scale) -> Table:
    size_bytes = file.stat().st_size
    contenders = {
        "openssl dgst -sha256": lambda: timed(lambda: run_command("openssl", "dgst", "-sha256", file)),
        "upload": lambda: _uploaded(server, file, register=False),
        "upload and register": lambda: _uploaded(server, file, register=True),
    }
    seconds = take_turns(contenders, scale.rounds, scale.patience_s)
    fastest = best(seconds)
    rows = [Row(name, value, "s", note=speed(size_bytes, value)) for name, value in fastest.items()]
    for name in ("upload", "upload and register"):
        ratio = fastest[name] / fastest["openssl dgst -sha256"]
        rows.append(Row(f"{name} / openssl", ratio, "x", MOST_RATIO, spread(seconds[name])))
    return Table(f"one file of {size_bytes // MIB} MiB through gunicorn, in one request", rows, REMARKS)


def _uploaded(server: Server, file: Path, *, register: bool) -> float:
    """Seconds from the first byte to the last answer; nothing is left of it but a version, if ``register``."""
    with httpx.Client(base_url=server.url, timeout=600, trust_env=False) as client:
        session, resource = _begun(client, file)
        began = time.perf_counter()
        _send(resource, server, file)
        if register:
            body = {"task": "bench", "model_name": "m", "version": os.urandom(8).hex(), **_of(session)}
            client.post("/v1/register", json=body).raise_for_status()
        seconds = time.perf_counter() - began
        if register:
            _forget(file.with_name("root"), body["version"])
        else:
            client.delete(session).raise_for_status()
        return seconds


def _of(session: str) -> dict[str, str]:
    return {"upload_id": session.rsplit("/", 1)[-1]}


def _forget(root: Path, version: str) -> None:
    """The disk has room again."""
    registry = ModelRegistry.open(root)
    registry.unalias("bench", "m", "latest")
    registry.delete("bench", "m", version, reason="measured")
    registry.purge(0)


def _begun(client: httpx.Client, file: Path) -> tuple[str, str]:
    answer = client.post("/v1/uploads", json={"task": "bench", "model_name": "m"}).raise_for_status()
    session: str = answer.json()["url"]
    headers = {**TUS, "Upload-Length": str(file.stat().st_size), "Upload-Metadata": named("file")}
    return session, client.post(session, headers=headers).raise_for_status().headers["Location"]


def _send(resource: str, server: Server, file: Path) -> None:
    """The whole file in one request, by sendfile, so that the client costs next to nothing."""
    where = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=600)
    size_bytes = file.stat().st_size
    connection.putrequest("PATCH", resource)
    for name, value in {**BYTES, "Upload-Offset": "0", "Content-Length": str(size_bytes)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    with file.open("rb") as source:
        connection.sock.sendfile(source)
    answer = connection.getresponse()
    if answer.status != 204:
        raise RuntimeError(f"{answer.status}: {answer.read()!r}")
    connection.close()


def _memory(server: Server, file: Path, scale: Scale) -> Table:
    part = file.with_name("part")
    with file.open("rb") as source, part.open("wb") as target:
        target.write(source.read(max(MIB, scale.unit_bytes // TRANSFERS)))
    idle = _resident_bytes(server)
    peak = idle
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(_LOOK_S):
            peak = max(peak, _resident_bytes(server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    workers = [
        threading.Thread(target=_uploaded, args=(server, part), kwargs={"register": False}) for _ in range(TRANSFERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    done.set()
    watcher.join()
    rows = [
        Row("idle", idle / MIB, "MiB"),
        Row(f"{TRANSFERS} transfers at once, above idle", (peak - idle) / MIB, "MiB", MOST_MIB),
    ]
    return Table(f"memory of the service during uploads of {part.stat().st_size // MIB} MiB", rows)


def _resident_bytes(server: Server) -> int:
    """Private memory of the master and its workers: what the processes share is counted once, as nothing."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    total = 0
    for pid in (str(server.pid), *children):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_"):
                total += int(line.split()[1]) * 1024
    return total

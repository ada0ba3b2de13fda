"""MLflow beside the registry: log a large file as a version with an alias, look an alias up, search versions."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from registry_client import RegistryClient
from registry_core import ModelRegistry, __version__
from tests.support.servers import clean_environment, free_port, gunicorn, is_up, wait_until

from ..counting import of_server, with_children
from ..load import drive, get
from ..machine import REPOSITORY, await_idle, remove, require_room, scratch, settle, write_random
from ..scale import MIB, Places, Scale
from ..tables import Row, Table

PYTHON = REPOSITORY / ".venv" / "peers" / "bin" / "python"
ROUNDS = 3
MODELS_OF = 100  # versions
START_S = 180.0

REMARKS = (
    "MLflow keeps its words in SQLite and its files in a directory; each server has one worker. 'Log' is: the file is",
    "logged, is a version, and an alias names it; CPU of it is the client's. MLflow neither hashes nor syncs what it",
    "stores; the registry does both before it answers. Looking up and searching go through either's server, by one",
    "client over one connection that stays open, always the same question; CPU of it is the server's.",
)

LOG, LOG_SERVER = "log a file on this machine", "log a file through the server"
LOOK, SEARCH = "look an alias up", "search by a tag, 50 found"
PAGE = 50

# (wall seconds, CPU seconds) of a job.
Found = tuple[float, float]


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table, from the first place. Raises ``SystemExit`` where MLflow's environment is not there."""
    if not PYTHON.exists():
        raise SystemExit(f"{PYTHON} is not there; make bench-peers makes it")
    require_room(places.main, 8 * scale.unit_bytes + 64 * MIB)
    rounds = min(scale.rounds, ROUNDS)
    models = max(1, scale.searched // MODELS_OF)
    versions = scale.searched // models
    with scratch(places.main) as top:
        file = write_random(top / "source" / "model.bin", scale.unit_bytes)
        ours = _ours(top / "ours", file, rounds, models, versions, scale)
        theirs, version = _mlflow(top / "mlflow", file, rounds, models, versions, scale)
    rows = []
    for what, (wall, cpu) in ours.items():
        for kind, mine, other in ((what, wall, theirs[what][0]), (f"{what}, CPU", cpu, theirs[what][1])):
            rows += [Row(f"{kind}: registry", mine * 1000, "ms"), Row(f"{kind}: MLflow", other * 1000, "ms")]
            rows.append(Row(f"{kind}: registry / MLflow", mine / other, "x"))
    size = f"a file of {scale.unit_bytes // MIB} MiB, {versions * models:,} versions"
    yield Table(f"registry {__version__} beside MLflow {version}: {size}", rows, REMARKS)


def _ours(top: Path, file: Path, rounds: int, models: int, versions: int, scale: Scale) -> dict[str, Found]:
    root = top / "root"
    root.mkdir(parents=True)
    registry, numbers = ModelRegistry.open(root), itertools.count(1)
    small = write_random(top / "small" / "model.bin", 16).parent

    for model in range(models):
        for version in range(versions):
            tags, alias = {"assay": f"a{version % 10}"}, "production" if version == 0 else None
            registry.register("bench", f"m{model}", f"v{version}", small, {"tags": tags}, set_alias=alias)
    found: dict[str, Found] = {}
    with gunicorn(root, workers=1) as server:
        wait_until(lambda: is_up(f"{server.url}/v1/models?limit=1"), "no list", 600)
        look = urlencode({"task": "bench", "ref": "m0@production", "verify": "false"})
        find = urlencode({"tag": "assay:a3", "limit": PAGE})
        found[LOOK] = _asked(f"{server.url}/v1/resolve?{look}", server.pid, scale)
        found[SEARCH] = _asked(f"{server.url}/v1/models?{find}", server.pid, scale)
        with RegistryClient(server.url) as client:
            # To a model of its own each: what a model has already need not be sent.
            found[LOG_SERVER] = _least(
                rounds,
                lambda: client.push(
                    file.parent, "bench", f"large-{next(numbers)}", "v1", set_alias="production", use_cache=False
                ),
                scale,
            )
    found[LOG] = _least(
        rounds,
        lambda: registry.register("bench", "large", f"v{next(numbers)}", file.parent, set_alias="production"),
        scale,
    )
    remove(root)
    return found


def _mlflow(
    top: Path, file: Path, rounds: int, models: int, versions: int, scale: Scale
) -> tuple[dict[str, Found], str]:
    top.mkdir()
    local = _job("log", f"sqlite:///{top}/local.db", str(file), f"file://{top}/local", str(rounds))
    found = {LOG: (local["wall_s"], local["cpu_s"])}
    with _server(top) as (url, pid):
        there = _job("log", url, str(file), "", str(rounds))
        found[LOG_SERVER] = (there["wall_s"], there["cpu_s"])
        _job("fill", url, str(models), str(versions))
        look = urlencode({"name": "m0", "alias": "production"})
        find = urlencode({"filter": "tags.assay = 'a3'", "max_results": PAGE})
        found[LOOK] = _asked(f"{url}/api/2.0/mlflow/registered-models/alias?{look}", pid, scale)
        found[SEARCH] = _asked(f"{url}/api/2.0/mlflow/model-versions/search?{find}", pid, scale)
    return found, str(local["version"])


def _job(job: str, address: str, *arguments: str) -> dict[str, Any]:
    command = [str(PYTHON), str(Path(__file__).with_name("mlflow_jobs.py")), job, address, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _environment() -> dict[str, str]:
    return clean_environment({"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"})


@contextmanager
def _server(top: Path) -> Iterator[tuple[str, int]]:
    """(address, pid) of MLflow's server with one worker, over SQLite and a directory."""
    port = free_port()
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    where = ["--backend-store-uri", f"sqlite:///{top}/served.db", "--artifacts-destination", f"{top}/served"]
    command = [str(PYTHON), "-m", "mlflow", *words, *where]
    process = subprocess.Popen(
        command,
        cwd=top,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_up(f"{url}/health"), "MLflow does not answer", START_S)
        yield url, process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def _asked(url: str, pid: int, scale: Scale) -> Found:
    """(median wall seconds, CPU seconds of the server) for a request."""
    drive(url, [get(url)], seconds=scale.seconds / 10)
    await_idle(scale.patience_s)
    before = of_server(pid)
    load = drive(url, [get(url)], seconds=scale.seconds)
    return load.percentile_ms(0.5) / 1000, (of_server(pid) - before) / len(load.latencies_s)


def _least(rounds: int, call: Callable[[], object], scale: Scale) -> Found:
    """(least wall seconds, least CPU seconds of this process)."""
    wall, cpu = [], []
    for _ in range(rounds):
        settle()
        await_idle(scale.patience_s)
        cpu.append(with_children(lambda: wall.append(_wall(call))))
    return min(wall), min(cpu)


def _wall(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began

"""Many small files over HTTP: push and pull, against ``tar c | curl | tar x``, then ``sync``, of the same files."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from registry_client import RegistryClient
from tests.support.servers import Server, gunicorn

from ..bare_servers import tar_server
from ..counting import of_server, with_children
from ..machine import remove, require_room, scratch, settle, write_many
from ..scale import MIB, Places, Scale
from ..tables import Row, Table
from ..timing import spread, take_turns, timed

FILE_BYTES = 4096
MOST = 4.0
ROUNDS = 2
TAR_UP, TAR_DOWN = "tar c | curl | tar x, then sync: up", "the same: down"

# What a ratio consists of: CPU where cores are at hand. tar takes 20 us a file on both sides together.
WHY = {
    "push": "a file costs the server 90 us, 35 to unpack and hash it and 40 to link and sync it; the client 42",
    "pull": "a file costs the server 50 us, to open, read and send it; the client 46, to prove and lay it",
}

REMARKS = (
    "The plain server unpacks what it gets with tar, syncs and answers, and packs what it gives. Client and server",
    "share the cores. The client has no cache, so that every byte is fetched. CPU is of client and server together.",
)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table in each place."""
    for name, place in places.directories.items():
        require_room(place, 10 * scale.small_files * (FILE_BYTES + 4096) + 64 * MIB)
        with scratch(place) as top:
            source = write_many(top / "source", scale.small_files, FILE_BYTES)
            for directory in ("root", "plain", "pulled"):
                (top / directory).mkdir()
            with gunicorn(top / "root") as server, tar_server(top / "plain") as plain:
                yield _measure(name, server, plain, top, source, scale)


def _measure(place: str, server: Server, plain: str, top: Path, source: Path, scale: Scale) -> Table:
    pulled = top / "pulled"
    models: list[str] = []  # a new one for each push: what a model has already need not be sent

    def push() -> None:
        models.append(f"small-{len(models)}")
        with RegistryClient(server.url) as client:
            client.push(source, "bench", models[-1], "v1", use_cache=False)

    def pull() -> None:
        with RegistryClient(server.url) as client:
            client.pull("bench", f"{models[-1]}@latest", pulled / "package", use_cache=False)

    works: dict[str, Callable[[], None]] = {
        TAR_UP: lambda: up(source, plain),
        "push": push,
        TAR_DOWN: lambda: down(pulled / "package", plain),
        "pull": pull,
    }
    cpu: dict[str, float] = {}

    def contender(name: str) -> float:
        _empty(top / "plain" if name == TAR_UP else pulled)
        if name == TAR_DOWN:
            (pulled / "package").mkdir()
        settle()
        before, seconds = of_server(server.pid), [0.0]
        used = with_children(lambda: seconds.append(timed(works[name]))) + of_server(server.pid) - before
        cpu[name] = min(used, cpu.get(name, used))
        return seconds[-1]

    turns = {name: partial(contender, name) for name in works}
    seconds = take_turns(turns, min(scale.rounds, ROUNDS), scale.patience_s)
    rows = []
    for name, values in seconds.items():
        more = f"; CPU {cpu[name]:.2f} s" if name in ("push", "pull") else ""
        rows.append(Row(name, min(values), "s", note=spread(values) + more))
    for ours, bare in (("push", TAR_UP), ("pull", TAR_DOWN)):
        rows.append(Row(f"{ours} / tar", min(seconds[ours]) / min(seconds[bare]), "x", MOST, note=WHY[ours]))
    return Table(f"{scale.small_files:,} files of {FILE_BYTES} bytes over HTTP, {place}", rows, REMARKS)


def up(source: Path, url: str) -> None:
    """Everything below ``source`` is sent to a plain server, which syncs before it answers."""
    _shell('tar c -C "$1" . | curl -sSf --noproxy "*" -T - "$2"', source, url)


def down(target: Path, url: str) -> None:
    """Everything that a plain server has is below ``target``, synced."""
    _shell('curl -sSf --noproxy "*" "$2" | tar x -C "$1" && sync -f "$1"', target, url)


def _shell(script: str, *arguments: str | Path) -> None:
    command = ["bash", "-o", "pipefail", "-c", script, "bash", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _empty(directory: Path) -> None:
    remove(directory)
    directory.mkdir()

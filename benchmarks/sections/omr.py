"""What a command of ``omr`` costs in CPU, next to a Python that does nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from registry_core import ModelRegistry
from tests.support.servers import clean_environment, gunicorn

from ..counting import of_command
from ..machine import scratch, write_random
from ..scale import Places, Scale
from ..tables import Row, Table
from ..timing import best, take_turns

OMR = Path(sys.executable).with_name("omr")
BARE = "python -c pass"
HELP, LOCAL, REMOTE = "omr --help", "omr resolve, on a local root", "omr resolve, against a service"
MOST_S = {HELP: 0.12, LOCAL: 0.20, REMOTE: 0.25}
ROUNDS_LEAST = 7
REMARKS = ("CPU of the command's process; the least of the rounds, all taking turns.",)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table, over a registry in the first place."""
    with scratch(places.main) as top:
        (top / "root").mkdir()
        write_random(top / "source" / "model.pt", 1024)
        ModelRegistry.open(top / "root").register("celltype", "pbmc", "v1", top / "source")
        with gunicorn(top / "root", workers=1) as server:
            ask = ("celltype", "pbmc@latest", "--json")
            commands: dict[str, list[str | Path]] = {
                BARE: [sys.executable, "-c", "pass"],
                "python -c 'import click'": [sys.executable, "-c", "import click"],
                "python -c 'import httpx'": [sys.executable, "-c", "import httpx"],
                HELP: [OMR, "--help"],
                "omr --version": [OMR, "--version"],
                LOCAL: [OMR, "--root", top / "root", "resolve", *ask],
                "omr versions, on a local root": [OMR, "--root", top / "root", "versions", "--json"],
                "omr promote, on a local root": [
                    *(OMR, "--root", top / "root", "promote", "celltype", "pbmc", "production", "v1")
                ],
                REMOTE: [OMR, "--url", server.url, "resolve", *ask],
                "omr versions, against a service": [OMR, "--url", server.url, "versions", "--json"],
            }
            env = clean_environment({"HOME": str(top)})
            turns = {name: lambda command=command: of_command(*command, env=env) for name, command in commands.items()}
            seconds = best(take_turns(turns, scale.rounds if scale.rounds == 1 else max(scale.rounds, ROUNDS_LEAST)))
    rows = [Row(name, value, "s", MOST_S.get(name)) for name, value in seconds.items()]
    rows += [Row(f"{name} / {BARE}", value / seconds[BARE], "x") for name, value in seconds.items() if name in MOST_S]
    yield Table("CPU of a command", rows, REMARKS)

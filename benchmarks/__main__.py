"""``python -m benchmarks [NAME ...]``: runs the benchmarks, all by default, and prints their tables."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from .machine import facts
from .scale import Places, Scale
from .sections import catalogue, downloads, files, health, memory, service, store, uploads
from .tables import Table

BENCHMARKS: dict[str, Callable[[Places, Scale], Iterator[Table]]] = {
    "files": files.run,
    "memory": memory.run,
    "service": service.run,
    "health": health.run,
    "store": store.run,
    "catalogue": catalogue.run,
    "downloads": downloads.run,
    "uploads": uploads.run,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, run, print. A missed target is printed, and no failure: the figures depend on the machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios, measured in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} [default: all]")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that the code works, proves nothing")
    parser.add_argument("--rounds", type=int, help="how often contenders take turns [default: 5]")
    parser.add_argument("--patience", type=float, default=0.0, metavar="S", help="wait so long for idle cores")
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"), help="[default: %(default)s]")
    parser.add_argument("--disk", type=Path, default=Path(tempfile.gettempdir()), help="[default: %(default)s]")
    parser.add_argument("--models", type=int, help="of the large registry of `catalogue` [default: 1000]")
    parser.add_argument("--versions", type=int, help="of each of these models [default: 100]")
    parser.add_argument("--root", type=Path, help="a registry to take instead, written by benchmarks.generate")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the tables there too")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")

    scale = replace(Scale.quick() if options.quick else Scale(), patience_s=options.patience)
    if options.rounds is not None:
        scale = replace(scale, rounds=options.rounds)
    if options.models is not None or options.versions is not None:
        scale = replace(scale, versions=(options.models or 1000) * (options.versions or 100))
    if options.root is not None:
        BENCHMARKS["catalogue"] = partial(catalogue.run, root=options.root)
    here = {"tmpfs": options.tmpfs, "disk": options.disk}
    places = Places({name: path for name, path in here.items() if path.is_dir() and os.access(path, os.W_OK)})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was written is removed
    found = facts(places)
    print("\n".join(found), flush=True)
    tables = []
    for name in options.names or BENCHMARKS:
        for table in BENCHMARKS[name](places, scale):
            print("\n" + table.render(judge=not options.quick), end="", flush=True)
            tables.append(table.to_dict())
    print(f"\nload at the end: {os.getloadavg()[0]:.2f}")
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": found, "tables": tables}, indent=2) + "\n")


if __name__ == "__main__":
    main()

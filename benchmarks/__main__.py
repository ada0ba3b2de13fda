"""``python -m benchmarks [NAME ...]``: runs the benchmarks, all by default, prints their tables, writes their JSON."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from . import page
from .machine import REPOSITORY, commit, facts
from .peers import section as peers
from .results import Result, Section
from .scale import Places, Scale
from .sections import (
    access,
    catalogue,
    clients,
    downloads,
    evidence,
    growth,
    health,
    large_files,
    memory,
    omr,
    requests,
    small_files,
    store,
    uploads,
    web,
)
from .tables import Growth, Table

BENCHMARKS: dict[str, Callable[[Places, Scale], Iterator[Table | Growth]]] = {
    "growth": growth.run,
    "clients": clients.run,
    "bytes": large_files.run,
    "small-files": small_files.run,
    "requests": requests.run,
    "access": access.run,
    "evidence": evidence.run,
    "omr": omr.run,
    "catalogue": catalogue.run,
    "web": web.run,
    "downloads": downloads.run,
    "uploads": uploads.run,
    "memory": memory.run,
    "health": health.run,
    "store": store.run,
}
# What needs an environment of its own, and runs by its name alone.
BESIDE: dict[str, Callable[[Places, Scale], Iterator[Table | Growth]]] = {"peers": peers.run}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, run, print, write. A missed target is printed, and no failure: the figures depend on the machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios, measured in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} [default: all], or peers")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that the code works, proves nothing")
    parser.add_argument("--rounds", type=int, help="how often contenders take turns [default: 5]")
    parser.add_argument("--patience", type=float, default=0.0, metavar="S", help="wait so long for idle cores")
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"), help="[default: %(default)s]")
    parser.add_argument("--disk", type=Path, default=Path(tempfile.gettempdir()), help="[default: %(default)s]")
    parser.add_argument("--note", default="", help="a sentence about the run, kept with what it measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all is written [default: below build/bench]")
    parser.add_argument("--docs", type=Path, help="write performance.md with its plots below that directory too")
    parser.add_argument("--before", type=Path, metavar="FILE", help="for --docs: an older run to show beside it")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - BENCHMARKS.keys() - BESIDE.keys()
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")

    scale = replace(Scale.quick() if options.quick else Scale(), patience_s=options.patience)
    if options.rounds is not None:
        scale = replace(scale, rounds=options.rounds)
    here = {"tmpfs": options.tmpfs, "disk": options.disk}
    places = Places({name: path for name, path in here.items() if path.is_dir() and os.access(path, os.W_OK)})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was written is removed
    written = options.json or REPOSITORY / "build" / "bench" / f"{'-'.join(options.names) or 'all'}.json"
    written.parent.mkdir(parents=True, exist_ok=True)

    def keep(result: Result) -> None:
        written.write_text(json.dumps(result.to_dict(), indent=1) + "\n", encoding="utf-8")

    names = options.names or list(BENCHMARKS)
    result = run(names, places, scale, keep, is_quick=options.quick, note=options.note)
    minutes = sum(section.seconds for section in result.sections) / 60
    print(f"\nall took {minutes:.1f} minutes; load at the end: {result.load[1]:.2f}; it is in {written}")
    if options.docs is not None:
        page.write(options.docs, page.page(result, page.read(options.before) if options.before else None))


def run(
    names: Sequence[str],
    places: Places,
    scale: Scale,
    keep: Callable[[Result], None],
    *,
    is_quick: bool = False,
    note: str = "",
) -> Result:
    """Each benchmark in its turn, printed as it ends; ``keep`` gets all that there is after each."""
    began, found = os.getloadavg()[0], facts(places)
    print("\n".join([*found, *([note] if note else [])]), flush=True)
    sections: list[Section] = []
    for name in names:
        started, tables = time.monotonic(), []
        for table in {**BENCHMARKS, **BESIDE}[name](places, scale):
            print("\n" + table.render(judge=not is_quick), end="", flush=True)
            tables.append(table)
        sections.append(Section(name, round(time.monotonic() - started, 1), tables))
        print(f"\n({name} took {sections[-1].seconds:.0f} s)", flush=True)
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        result = Result(moment, commit(), found, is_quick, (began, os.getloadavg()[0]), note, sections)
        keep(result)
    return result


if __name__ == "__main__":
    main()

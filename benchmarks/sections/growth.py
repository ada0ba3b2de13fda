"""Growth: what each verb costs as the past of a registry grows, on a filesystem and on an object store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.objectstore.simulated import Stored, simulated_store
from tests.support.seaweed import environment

from .. import verbs
from ..long_model import Size, objects, write_tree
from ..machine import REPOSITORY, await_idle, run_module, scratch, write_many
from ..scale import Places, Scale
from ..tables import FLAT_MOST, Growth, Line, Table

BUCKET = "bench"
GROWS = ("list by name",)  # an answer of many versions; invariant I15 does not name it
READS = ("resolve", "resolve, verified", "resolve, verified, just opened", "show", "list by name")

END_BYTES = 64 * 1024  # of a journal, that no index covers yet: at most
QUESTIONS = {"register": 8, "register with a key": 10}  # of its journal; others are held to one
INDEXED_FROM = 1_000  # events or versions; shorter journals have no index
REMARKS = (
    "One process calls each verb again and again over one model; the least CPU, the median of what is counted.",
    "Whatever is made once, as an index, has been made. 'bare' does by hand what a change or a read does at least.",
)
BYTES_REMARKS = (
    f"Up to {END_BYTES // 1024} KiB of a journal's end are read as they are, more or less as a run comes upon it:",
    "that is bounded, and no growth. So a verb is held to what it reads at the first size whose journal has an index",
    f"({INDEXED_FROM:,}): at the largest it may be {FLAT_MOST} times that, and {END_BYTES // 1024} KiB more. A",
    f"register asks {QUESTIONS['register']} questions of the journal ({QUESTIONS['register with a key']} with a key),",
    "and each reads its end.",
    "The factor in the table is that of the smallest size.",
)

# What a verb costs at each size, in the order of the sizes.
Costs = Mapping[str, Sequence[Mapping[str, float]]]


def run(places: Places, scale: Scale) -> Iterator[Table | Growth]:
    """Tables of CPU and of bytes read for each axis, and of CPU and requests on an object store."""
    axes: dict[str, tuple[Sequence[int], Callable[[int], Size]]] = {
        "events": (scale.events, lambda n: Size(events=n)),
        "versions": (scale.versions_of_a_model, lambda n: Size(versions=n)),
        "models": (scale.models, lambda n: Size(models=n)),
        "files of a package": (scale.files, lambda n: Size(files=n)),
    }
    for axis, (sizes, of) in axes.items():
        costs = _all([_on_files(places, scale, of(size)) for size in sizes])
        is_named = axis != "files of a package"  # by invariant I15
        yield table(f"CPU over {axis}", axis, sizes, costs, "cpu_s", is_named)
        yield table(f"bytes read over {axis}", axis, sizes, costs, "read_bytes", is_named)
    for axis, sizes in {"events": scale.stored, "versions": scale.stored_versions}.items():
        of = axes[axis][1]
        costs = _all([_on_store(places, scale, of(size)) for size in sizes])
        yield table(f"object store: CPU over {axis}", axis, sizes, costs, "cpu_s", True)
        yield table(f"object store: requests over {axis}", axis, sizes, costs, "requests", True)


def table(title: str, axis: str, sizes: Sequence[int], costs: Costs, what: str, is_named: bool) -> Growth:
    """One cost of every verb. ``is_named``: invariant I15 says of this axis that a cost does not grow over it."""
    factor, unit = {"cpu_s": (1000.0, "ms"), "read_bytes": (1.0, "bytes"), "requests": (1.0, "requests")}[what]
    is_store = verbs.BARE_PUT in costs
    write, read = (verbs.BARE_PUT, verbs.BARE_GET) if is_store else (verbs.BARE_WRITE, verbs.BARE_READ)
    is_of_ends = what == "read_bytes" and axis in ("events", "versions")
    since = next((at for at, size in enumerate(sizes) if size >= INDEXED_FROM), 0) if is_of_ends else 0
    lines = []
    for verb, several in costs.items():
        is_bare = verb in (write, read)
        flat = is_named and not is_bare and verb not in GROWS
        bare = "" if is_bare or what == "read_bytes" else read if verb in READS else write
        values = [round(cost[what] * factor, 4) for cost in several]
        ends = QUESTIONS.get(verb.removesuffix(", just opened"), 1) if is_of_ends else 0
        lines.append(Line(verb, values, flat, bare, since, ends * END_BYTES))
    return Growth(title, axis, sizes, unit, lines, REMARKS if what == "cpu_s" else BYTES_REMARKS if is_of_ends else ())


def _all(measured: Sequence[Mapping[str, Mapping[str, float]]]) -> Costs:
    return {verb: [costs[verb] for costs in measured] for verb in measured[0]}


def _arguments(scale: Scale) -> list[str]:
    return [str(scale.calls), str(scale.verb_s), str(scale.in_a_row)]


def _on_files(places: Places, scale: Scale, size: Size) -> dict[str, Any]:
    """Verb -> cost, over a registry of that size in the first place."""
    with scratch(places.main) as top:
        (top / "root").mkdir()
        write_tree(top / "root", size)
        source = write_many(top / "source", size.files, 16)
        await_idle(scale.patience_s)
        return run_module("benchmarks.verbs", top / "root", source, *_arguments(scale))


def _on_store(places: Places, scale: Scale, size: Size) -> dict[str, Any]:
    """Verb -> cost, over a simulated store that this process is; the verbs are called in another."""
    with scratch(places.main) as top, simulated_store() as store:
        for key, data in objects(size):
            store.objects[f"{BUCKET}/registry/{key}"] = Stored(data, 1)
        source = write_many(top / "source", size.files, 16)
        await_idle(scale.patience_s)
        return _asked(
            [f"s3://{BUCKET}/registry", str(source), *_arguments(scale)],
            {**os.environ, **environment(store.url), "AWS_ALLOW_HTTP": "true", "TMPDIR": str(top)},
            lambda: store.requests,
        )


def _asked(arguments: Sequence[str], env: Mapping[str, str], requests: Callable[[], int]) -> dict[str, Any]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.verbs", *arguments],
        cwd=REPOSITORY,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            if line != "?\n":
                found: dict[str, Any] = json.loads(line)
                return found
            process.stdin.write(f"{requests()}\n")
            process.stdin.flush()
    raise subprocess.CalledProcessError(process.returncode, "benchmarks.verbs")

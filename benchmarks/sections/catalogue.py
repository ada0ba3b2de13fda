"""The catalogue of a large registry: its build, and lists over HTTP, next to reading every ``model_meta.json``."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from registry_core import ModelRegistry
from tests.support.servers import PREFIX, gunicorn

from ..counting import Meter, with_children
from ..generate import ASSAYS, RARE_WORD, WORDS, generate
from ..long_model import MODEL, TASK, Size, write_tree
from ..machine import await_idle, scratch
from ..pages import last_page, measure, until_answered
from ..scale import MIB, Places, Scale
from ..tables import Growth, Line, Row, Table
from ..timing import timed

WALK_SHARE_MOST = 1 / 100  # of the walk, for every page
GROWTH_MOST = 2.0  # of the page's time over a registry of SMALL_VERSIONS
SMALL_VERSIONS = 1_000
VERSIONS_OF_A_MODEL = 100
BUILD_MOST_MS = 0.2  # of CPU for a version
START_MOST_S = 600.0
PAGE = "/v1/models?limit=50"

# Several of each kind, taking turns: the first of each finds what passes, which is then kept until the
# registry changes; so p99 tells of the former and p50 of the latter. But for the
# unequal ones each page is full at both sizes, so that the same number of versions is sent.
PAGES: dict[str, Sequence[str]] = {
    "first page": [PAGE],
    "filtered page": [f"{PAGE}&metric_gte=accuracy:0.6&tag=assay:{assay}" for assay in ASSAYS],
    "filtered page, few pass": [f"{PAGE}&stage=archived&sort=-created_at", f"{PAGE}&alias=production"],
    "sorted by a metric": [f"{PAGE}&sort=-metric:macro_f1&tag=assay:{assay}" for assay in ASSAYS],
    "full text, a common word": [f"{PAGE}&q={word}" for word in WORDS],
    "full text, the beginning of words": [f"{PAGE}&q={letter}" for letter in "acefr"],
    "full text, a rare word": [f"{PAGE}&q={RARE_WORD}"],
}
# Why a kind misses its target.
WHY = {"last page, sorted by a metric": "to see that none without the metric follow it looks at each version"}
UNEQUAL = ("filtered page, few pass", "full text, a rare word")

REMARKS = (
    "One request at a time; kinds of pages and both sizes take turns. 'first' is the first request of its kind.",
    "The walk reads from the page cache.",
)


@dataclass(frozen=True)
class Built:
    """A generated registry with its catalogue."""

    root: Path
    walk_s: float
    rebuild_s: float
    rebuild_cpu_s: float
    index_bytes: int
    versions: int


def run(places: Places, scale: Scale) -> Iterator[Table | Growth]:
    """The first build, what a change costs, and pages of a small registry and of a large one, taking turns."""
    with scratch(places.main) as top:
        small = _build(_generated(top / "small", min(SMALL_VERSIONS, scale.versions)), scale)
        large = _build(_generated(top / "large", scale.versions), scale)
        yield Table(f"catalogue: first build of {large.versions:,} versions", _building(top, large))
        with gunicorn(small.root) as small_server, gunicorn(large.root) as large_server:
            pages = {("small", kind): urls for kind, urls in _urls(small_server.url).items()}
            pages |= {("large", kind): urls for kind, urls in _urls(large_server.url).items()}
            await_idle(scale.patience_s)
            found = measure(pages, requests=scale.requests)
    rows = [Row(f"walk and read {large.versions:,} model_meta.json", large.walk_s, "s")]
    for (size, kind), latency in found.items():
        if size == "large":
            growth = latency.p50_s / found["small", kind].p50_s
            most, why = None if kind in UNEQUAL else GROWTH_MOST, WHY.get(kind, "")
            rows += [
                Row(f"{kind}, p50", latency.p50_s * 1000, "ms", WALK_SHARE_MOST * large.walk_s * 1000, note=why),
                Row(f"{kind}, p99", latency.p99_s * 1000, "ms"),
                Row(f"{kind}, first", latency.first_s * 1000, "ms"),
                Row(f"{kind}, p50 / p50 at {SMALL_VERSIONS:,} versions", growth, "x", most, note=why),
            ]
    yield Table(f"catalogue: pages of {large.versions:,} versions", rows, REMARKS)
    yield _following(places, scale)


def _building(top: Path, large: Built) -> list[Row]:
    """Rows about the build in process, and about a service that starts with no catalogue."""
    cores = len(os.sched_getaffinity(0))
    with gunicorn(large.root, env={f"{PREFIX}CATALOG_DIR": str(top / "another")}) as server:
        named_s = until_answered(server.url, PAGE, START_MOST_S)
        found_s = until_answered(server.url, f"{PAGE}&q={RARE_WORD}", START_MOST_S)
    return [
        Row("walk and read every model_meta.json", large.walk_s, "s"),
        Row("CPU of the build", large.rebuild_cpu_s, "s"),
        Row("CPU of the build for a version", large.rebuild_cpu_s * 1000 / large.versions, "ms", BUILD_MOST_MS),
        Row("the build, wall", large.rebuild_s, "s"),
        Row(f"wall x {cores} cores / CPU", large.rebuild_s * cores / large.rebuild_cpu_s, "x", 1 / 0.7),
        Row("the build, wall / walk", large.rebuild_s / large.walk_s, "x"),
        Row("size of the catalogue", large.index_bytes / MIB, "MiB"),
        Row("a started service lists by name after", named_s, "s"),
        Row("and searches after further", found_s, "s"),
    ]


def _following(places: Places, scale: Scale) -> Growth:
    """What a change costs while there is a catalogue, and a list after it."""
    measured = [_followed(places, scale, versions) for versions in scale.followed]
    lines = [Line(name, [costs[name] for costs in measured], name.startswith("promote")) for name in measured[0]]
    return Growth("catalogue: CPU of a change", "versions of the model", scale.followed, "ms", lines)


def _followed(places: Places, scale: Scale, versions: int) -> dict[str, float]:
    """CPU in milliseconds of each call."""
    with scratch(places.main) as top:
        write_tree(top, Size(versions=versions))
        registry, meter = ModelRegistry.open(top), Meter()
        promote = partial(_promote, registry, itertools.cycle(("v2", "v1")))

        def cpu_ms(call: Callable[[], object], prepare: Callable[[], object] = lambda: None) -> float:
            prepare()
            call()  # what is made once has been made
            return meter.typical(call, prepare, calls=scale.calls, most_s=scale.verb_s).cpu_s * 1000

        alone = cpu_ms(promote)
        registry.reindex()
        listing = partial(registry.list_models, model_name=MODEL, limit=50)
        return {
            "promote": alone,
            "promote, with a catalogue": cpu_ms(promote),
            "list of the model after it": cpu_ms(listing, promote),
        }


def _promote(registry: ModelRegistry, turn: Iterator[str]) -> None:
    registry.promote(TASK, MODEL, "production", next(turn))


def _generated(root: Path, versions: int) -> Path:
    """A fresh registry of so many versions."""
    generate(root, max(1, versions // VERSIONS_OF_A_MODEL), min(versions, VERSIONS_OF_A_MODEL))
    return root


def _build(root: Path, scale: Scale) -> Built:
    """The registry, walked and indexed."""
    await_idle(scale.patience_s)
    walk_s = min(timed(lambda: walk(root)) for _ in range(2))
    registry = ModelRegistry.open(root)
    await_idle(scale.patience_s)
    seconds: list[float] = []
    cpu_s = with_children(lambda: seconds.append(timed(registry.reindex)))
    index_bytes = sum(path.stat().st_size for path in (root / ".catalog").iterdir())
    return Built(root, walk_s, seconds[0], cpu_s, index_bytes, registry.list_models(limit=1).total)


def _urls(server: str) -> dict[str, list[str]]:
    """Every kind of page of a server, the last one found by following the links."""
    pages = {kind: [server + path for path in paths] for kind, paths in PAGES.items()}
    by_metric = f"{PAGE}&sort=-metric:loss"
    last = {"last page": PAGE, "last page, sorted by a metric": by_metric}
    return {**pages, **{kind: [server + last_page(server, path)] for kind, path in last.items()}}


def walk(root: Path) -> int:
    """Reads every ``model_meta.json`` below ``root``, as scripts over the tree do. Returns the bytes."""
    total = 0
    for directory, names, files in os.walk(root / "tasks"):
        if "model_meta.json" in files:
            names.clear()
            total += len(Path(directory, "model_meta.json").read_bytes())
    return total

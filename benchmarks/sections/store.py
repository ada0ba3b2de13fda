"""The registry on SeaweedFS, against ``obstore`` alone doing the same to the same store."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import obstore
from obstore.store import from_url

from registry_core import ModelRegistry
from tests.support.seaweed import seaweed

from ..machine import await_idle, require_room, scratch, write_random
from ..scale import MIB, Places, Scale
from ..tables import Row, Table
from ..timing import best, percentile, speed, spread, take_turns, timed

REGISTER_MOST = 1.3
SMALL_BYTES = 400  # as an event or an alias document
ROUNDS_MOST = 3  # SeaweedFS gives space back late, and 1 GiB is put twice a round

REMARKS = ("Best of the rounds; contenders take turns. The source is in the page cache.",)
REMARKS_SMALL = ("One call after the other, taking turns; promote appends an event and moves an alias.",)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """Two tables, from one server."""
    require_room(places.main, scale.unit_bytes + 64 * MIB)
    with scratch(places.main) as top, seaweed() as server, _environment(server.env):
        root = server.new_root()
        bare: Any = from_url(
            f"{root}-bare", config={"endpoint": server.endpoint}, client_options={"allow_http": True, "timeout": "120s"}
        )
        registry = ModelRegistry.open(root)
        source = write_random(top / "source" / "model.bin", scale.unit_bytes)
        yield _large(registry, bare, source, scale)
        small = write_random(top / "small" / "model.pt", 64 * 1024)
        yield _small(registry, bare, small.parent, scale)


@contextmanager
def _environment(extra: Mapping[str, str]) -> Iterator[None]:
    """The store's credentials are where obstore looks for them."""
    before = {name: os.environ.get(name) for name in extra}
    os.environ.update(extra)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _large(registry: ModelRegistry, bare: Any, source: Path, scale: Scale) -> Table:
    numbers = itertools.count(1)

    def put() -> float:
        name = uuid.uuid4().hex
        seconds = timed(lambda: obstore.put(bare, name, source))
        obstore.delete(bare, name)
        return seconds

    def register() -> float:
        return timed(lambda: registry.register("bench", "large", f"v{next(numbers)}", source.parent))

    rounds = min(scale.rounds, ROUNDS_MOST)
    seconds = take_turns({"obstore put": put, "register": register}, rounds, scale.patience_s)
    times = best(seconds)
    notes = {name: f"{speed(scale.unit_bytes, times[name])}; {spread(seconds[name])}" for name in times}
    return Table(
        f"object store: one file of {scale.unit_bytes // MIB} MiB to SeaweedFS",
        [
            *(Row(name, shortest, "s", note=notes[name]) for name, shortest in times.items()),
            Row("register / obstore put", times["register"] / times["obstore put"], "x", REGISTER_MOST),
        ],
        REMARKS,
    )


def _small(registry: ModelRegistry, bare: Any, source: Path, scale: Scale) -> Table:
    registry.register("bench", "small", "v1", source)
    registry.register("bench", "small", "v2", source)
    data = os.urandom(SMALL_BYTES)
    obstore.put(bare, "small", data)
    turn = itertools.cycle(("v1", "v2"))
    calls: dict[str, Callable[[], object]] = {
        "store: put": lambda: obstore.put(bare, uuid.uuid4().hex, data),
        "registry: promote": lambda: registry.promote("bench", "small", "production", next(turn)),
        "store: get": lambda: bytes(obstore.get(bare, "small").bytes()),
        "registry: resolve, verify=false": lambda: registry.resolve("bench", "small@production", verify=False),
    }
    await_idle(scale.patience_s)
    seconds = take_turns({name: partial(timed, call) for name, call in calls.items()}, scale.requests)
    rows = []
    for name, values in seconds.items():
        rows.append(Row(f"{name}, p50", percentile(values, 0.5) * 1000, "ms"))
        rows.append(Row("  p99", percentile(values, 0.99) * 1000, "ms"))
    return Table(f"object store: small calls, {scale.requests} each", rows, REMARKS_SMALL)

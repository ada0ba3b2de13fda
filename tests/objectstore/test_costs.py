"""What each verb costs in requests to the store, counted on the wire between the two."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import from_url

from registry_core import CoreSettings, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.storage import open_storage
from registry_core.storage.object_store.store import ObjectStorage

from ..support.packages import write_package
from ..support.proxy import FaultyProxy, Passed, faulty_proxy
from ..support.seaweed import Seaweed, environment

TASK, MODEL = "celltype", "pbmc"
EVENTS = 10_000
FILES = 5  # objects of the package that is registered here, manifest and metadata included
CALLS = 2  # that logged to the run
ALIASES = 2  # of the model


@dataclass(frozen=True)
class Cost:
    """Requests of one call: reads of one object, lists, writes, removals."""

    reads: int = 0
    lists: int = 0
    writes: int = 0
    removals: int = 0

    def __le__(self, other: Cost) -> bool:
        return all(mine <= others for mine, others in zip(vars(self).values(), vars(other).values(), strict=True))


# docs/operations.md has this table. "Cold" is the first change of a process: it finds the journal's end by
# bisection, and proves that the store keeps conditions (5 writes, 3 reads, 1 removal).
AT_MOST = {
    "resolve, verify=false": Cost(reads=2),
    "resolve, verify=true": Cost(reads=4 + FILES, lists=1),
    "show": Cost(reads=4 + ALIASES, lists=1),
    "artifacts": Cost(reads=5, lists=1),
    "aliases": Cost(reads=ALIASES + 1, lists=1),
    "promote": Cost(reads=12, writes=3),
    "register": Cost(reads=18 + FILES - 2, lists=1, writes=FILES + 6, removals=1),
    "promote, 10,000 events, warm": Cost(reads=12, writes=3),
    "promote, 10,000 events, cold": Cost(reads=46, writes=9, removals=1),
    "history, last 100 of 10,000 events": Cost(reads=101),
    "log to a run": Cost(reads=1, writes=1),
    "run": Cost(reads=CALLS + 3, lists=3),
}


class Meter:
    """Counts what passes while a call runs."""

    def __init__(self, proxy: FaultyProxy) -> None:
        self._proxy = proxy
        self.measured: dict[str, Cost] = {}

    @contextmanager
    def cost_of(self, verb: str) -> Iterator[None]:
        self._proxy.clear()
        yield
        self.measured[verb] = _cost(self._proxy.passed)
        print(f"{verb}: {self.measured[verb]}")

    def judge(self) -> None:
        dear = {verb: cost for verb, cost in self.measured.items() if not cost <= AT_MOST[verb]}
        assert dear == {}


def _cost(passed: list[Passed]) -> Cost:
    lists = sum(request.method == "GET" and "list-type=2" in request.target for request in passed)
    reads = sum(request.method in ("GET", "HEAD") for request in passed) - lists
    removals = sum(
        request.method == "DELETE" or (request.method == "POST" and "?delete" in request.target) for request in passed
    )
    return Cost(reads, lists, len(passed) - reads - lists - removals, removals)


@pytest.fixture
def root(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    return seaweed.new_root()


@pytest.fixture
def proxy(seaweed: Seaweed) -> Iterator[FaultyProxy]:
    with faulty_proxy(seaweed.endpoint) as proxy:
        yield proxy


def open_through(proxy: FaultyProxy, root: str) -> ModelRegistry:
    """A registry as a new process has it, its requests counted."""
    settings = CoreSettings.from_env(environment(proxy.url))
    return ModelRegistry.open(root, settings=settings)


def test_each_verb_costs_what_the_table_says(proxy: FaultyProxy, root: str, tmp_path: Path) -> None:
    registry, source, meter = open_through(proxy, root), write_package(tmp_path / "package"), Meter(proxy)
    registry.register(TASK, MODEL, "1", source)
    registry.resolve(TASK, f"{MODEL}@latest")
    registry.promote(TASK, MODEL, "production", "1")
    ref = f"{MODEL}@production"
    verbs: dict[str, Callable[[], Any]] = {
        "resolve, verify=false": lambda: registry.resolve(TASK, ref, verify=False),
        "resolve, verify=true": lambda: registry.resolve(TASK, ref),
        "show": lambda: registry.show(TASK, ref),
        "artifacts": lambda: registry.artifacts(TASK, ref),
        "aliases": lambda: registry.list_aliases(TASK, MODEL),
        "promote": lambda: registry.promote(TASK, MODEL, "production", "1"),
        "register": lambda: registry.register(TASK, MODEL, "2", source),
        "log to a run": lambda: registry.log_metric(TASK, MODEL, "r1", "loss", 0.5),
        "run": lambda: registry.run(TASK, MODEL, "r1"),
    }
    registry.log_metric(TASK, MODEL, "r1", "loss", 1)  # with the next one CALLS
    for verb, call in verbs.items():
        with meter.cost_of(verb):
            call()
    meter.judge()


def test_announcing_reads_no_artifact_and_registering_reads_each_once(
    proxy: FaultyProxy, root: str, tmp_path: Path
) -> None:
    """What has arrived is copied within the store, and not read but for what it is; what the model has is copied, and
    the copy read."""
    registry, data = open_through(proxy, root), bytes(range(256)) * 256
    words = [{"path": "model.pt", "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}]

    def read() -> int:
        return sum(request.method == "GET" and request.target.endswith("/model.pt") for request in proxy.passed)

    first = registry.begin_upload(TASK, MODEL, words)
    file = registry.add_upload(first.upload_id, "model.pt", len(data))
    registry.receive(first.upload_id, file.file_id, 0, io.BytesIO(data))
    proxy.clear()
    registry.register(TASK, MODEL, "1", upload_id=first.upload_id)
    pieces = [request for request in proxy.passed if "/data/" in request.target and request.method == "GET"]
    assert (read(), pieces) == (1, [])
    proxy.clear()
    second = registry.begin_upload(TASK, MODEL, words)
    assert (second.have, read()) == (["model.pt"], 0)
    registry.register(TASK, MODEL, "2", upload_id=second.upload_id)
    assert read() == 2


def test_a_long_journal_costs_little(seaweed: Seaweed, proxy: FaultyProxy, root: str, tmp_path: Path) -> None:
    first = ModelRegistry.open(root, settings=CoreSettings.from_env(seaweed.env))
    first.register(TASK, MODEL, "1", write_package(tmp_path / "package"))
    lengthen_journal(seaweed, root)
    registry, meter = open_through(proxy, root), Meter(proxy)
    with meter.cost_of("promote, 10,000 events, cold"):
        assert registry.promote(TASK, MODEL, "production", "1").seq == EVENTS + 1
    with meter.cost_of("promote, 10,000 events, warm"):
        assert registry.promote(TASK, MODEL, "production", "1").seq == EVENTS + 2
    with meter.cost_of("history, last 100 of 10,000 events"):
        assert len(registry.history(TASK, MODEL, after=EVENTS - 98).events) == 100
    meter.judge()


def lengthen_journal(seaweed: Seaweed, root: str) -> None:
    """The model's journal gets as many events as EVENTS in all, each chained to the one before."""
    settings = CoreSettings.from_env(seaweed.env)
    found = open_storage(root, settings.storage, is_package).documents.last(
        f"tasks/{TASK}/models/{MODEL}/audit/promotions.jsonl"
    )
    assert found is not None
    seq, raw = found
    records: dict[int, bytes] = {}
    event = {**json.loads(raw), "event": "promote", "alias": "latest", "previous_version": "1"}
    while seq < EVENTS:
        seq += 1
        event |= {"seq": seq, "prev": "sha256:" + hashlib.sha256(raw).hexdigest(), "attempt": str(seq)}
        raw = records[seq] = json.dumps(event, separators=(",", ":")).encode()
    asyncio.run(_put_all(root, settings, records))


async def _put_all(root: str, settings: CoreSettings, records: dict[int, bytes]) -> None:
    url = f"{root}/tasks/{TASK}/models/{MODEL}/audit"
    store: Any = from_url(url, endpoint=settings.storage.endpoint, client_options={"allow_http": True})  # type: ignore[call-overload]
    slots = asyncio.Semaphore(64)

    async def put(seq: int, record: bytes) -> None:
        async with slots:
            await obstore.put_async(store, f"{seq:012}.json", record, use_multipart=False)

    await asyncio.gather(*(put(seq, record) for seq, record in records.items()))


def test_an_alias_is_read_fresh_on_every_replica(proxy: FaultyProxy, root: str, tmp_path: Path) -> None:
    replicas = [open_through(proxy, root) for _ in range(3)]
    source = write_package(tmp_path / "package")
    for version in ("1", "2"):
        replicas[0].register(TASK, MODEL, version, source)
    for turn in range(12):
        version = "12"[turn % 2]
        assert replicas[turn % 3].promote(TASK, MODEL, "production", version).version == version
        seen = {replica.resolve(TASK, f"{MODEL}@production", verify=False).version for replica in replicas}
        assert seen == {version}


def test_what_is_remembered_is_bounded(seaweed: Seaweed, root: str) -> None:
    storage = ObjectStorage(root, CoreSettings.from_env(seaweed.env).storage, is_package)
    log = "tasks/t/models/m/audit/promotions.jsonl"
    for seq in range(1, 41):
        storage.documents.append(log, bytes(1024 * 1024), seq)  # 40 MB of records
    held = storage.documents._logs._cache._records
    assert held._weight <= 16 * 1024 * 1024
    assert [len(record) for _, record in storage.documents.records(log)] == [1024 * 1024] * 40
    assert held._weight <= 16 * 1024 * 1024

"""A model with a long past, written quickly; and what one call costs, counted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import generate
from registry_core import ModelRegistry

from ..support.packages import open_registry, write_files
from ..support.profiled import profiled

TASK, MODEL = "celltype", "pbmc"
HOME = Path("tasks") / TASK / "models" / MODEL
JOURNAL = HOME / "audit" / "promotions.jsonl"
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
FIRST_KEY = "key-of-the-first"


@dataclass
class Cost:
    """What was done: bytes read and reads of any file, files opened, names listed, functions called."""

    bytes_read: int = 0
    reads: int = 0
    opened: int = 0
    listed: int = 0
    calls: int = 0


@dataclass
class _Watched:
    cost: Cost = field(default_factory=Cost)
    is_on: bool = False


_watched = _Watched()


def _hear(event: str, _: tuple[Any, ...]) -> None:
    if _watched.is_on and event == "open":
        _watched.cost.opened += 1


sys.addaudithook(_hear)


def _count_call(_: object, event: str, __: object) -> None:
    if event in ("call", "c_call"):
        _watched.cost.calls += 1


def _kernel_counts() -> tuple[int, int]:
    """(bytes, calls) of all reads of this process so far."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"]), int(counts["syscr"])


@contextmanager
def _listing_counted() -> Iterator[None]:
    real = os.scandir, os.listdir

    class Scan:
        def __init__(self, *arguments: Any) -> None:
            self._items = real[0](*arguments)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self._items.close()

        def __iter__(self) -> Iterator[Any]:
            return self

        def __next__(self) -> Any:
            item = next(self._items)
            _watched.cost.listed += 1
            return item

    def names(*arguments: Any) -> list[str]:
        found: list[str] = real[1](*arguments)
        _watched.cost.listed += len(found)
        return found

    os.scandir, os.listdir = Scan, names  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        os.scandir, os.listdir = real


def cost_of(call: Callable[[], object]) -> Cost:
    """What the call does, in all threads; functions only in this one."""
    _watched.cost = Cost()
    with _listing_counted():
        bytes_before, reads_before = _kernel_counts()
        _watched.is_on = True
        try:
            with profiled(_count_call):
                call()
        finally:
            _watched.is_on = False
        bytes_after, reads_after = _kernel_counts()
    _watched.cost.bytes_read = bytes_after - bytes_before
    _watched.cost.reads = reads_after - reads_before
    return _watched.cost


def make(top: Path, events: int) -> Path:
    """A registry below ``top`` with a model of about that many events, nearly as many versions, and other models.

    ``production`` named ``first``, then ``second``, long ago; ``latest`` was moved by each version since.
    """
    root = top / "root"
    root.mkdir(parents=True)
    registry = open_registry(root)
    for version, key in (("first", FIRST_KEY), ("second", None)):
        source = write_files(top / version, {"model.pt": version.encode()})
        registry.register(TASK, MODEL, version, source, set_alias=None, idempotency_key=key)
        registry.promote(TASK, MODEL, "production", version)
    _go_on(root, events)
    for number in range(events // 20):
        (root / "tasks" / TASK / "models" / f"other-{number}" / "versions" / "1").mkdir(parents=True)
    return root


def _go_on(root: Path, events: int) -> None:
    home = root / HOME
    journal = generate.Journal(TASK, MODEL, (root / JOURNAL).read_bytes().splitlines())
    born = json.loads(journal.lines[0])
    moment = max(BEGAN, datetime.fromisoformat(json.loads(journal.lines[-1])["ts_utc"]) - timedelta(days=1))
    for number in range(events):
        moment += timedelta(milliseconds=1)
        version = f"v{number}"
        if number % 10 == 9:
            journal.add("promote", moment, version=f"v{number - 1}", alias="staging", actor="ada", reason="reviewed")
            continue
        (home / "versions" / version).mkdir()
        (home / "versions" / version).chmod(0o555)
        own = {"commit": f"{number:040x}", "created_at": born["created_at"], "attempt": f"{number:032x}"}
        key = {"idempotency": {"key": f"key-{number}", "request_digest": born["package_digest"]}}
        said = {"actor": "ada", "reason": "nightly training", "package_digest": born["package_digest"]}
        journal.add("register", moment, version=version, alias="latest", **said, **own, **key)
    (root / JOURNAL).write_bytes(b"".join(line + b"\n" for line in journal.lines))
    for alias, document in journal.aliases.items():
        generate.write_document(home / "aliases" / f"{alias}.json", document)


def opened(root: Path) -> ModelRegistry:
    """The registry as another process has it."""
    return open_registry(root)


def source(root: Path, name: str) -> Path:
    """A package to register."""
    return write_files(root.parent / name, {"model.pt": name.encode()})

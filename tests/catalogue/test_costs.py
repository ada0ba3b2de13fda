"""A change costs the catalogue what the change is about, however many versions and events there are."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import GeneratorType
from typing import Any

import pytest

from benchmarks.generate import generate
from registry_core import CoreSettings, ModelRegistry
from registry_core.storage.filesystem.documents import FilesystemDocuments
from registry_core.storage.filesystem.packages import FilesystemPackages

from ..support.packages import write_files
from .shelf import Shelf

FEW, MANY = 50, 5_000
READS = {
    FilesystemDocuments: ("read", "list", "records", "record", "last", "mark", "noted"),
    FilesystemPackages: ("open", "locate", "glance"),
}


@dataclass
class Meter:
    """What was asked of the storage, by what, every item of an iterator too; and of the database."""

    reads: Counter[str] = field(default_factory=Counter)
    statements: int = 0
    rows: int = 0

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for owner, names in READS.items():
            for name in filter(vars(owner).__contains__, names):
                monkeypatch.setattr(owner, name, self._counted(name, getattr(owner, name)))

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **more: Any) -> Any:
            self.reads[name] += 1
            found = real(*given, **more)
            return self._items(name, found) if isinstance(found, GeneratorType) else found

        return counted

    def _items(self, name: str, found: Iterator[Any]) -> Iterator[Any]:
        for item in found:
            self.reads[f"{name}, items"] += 1
            yield item

    @contextmanager
    def of(self, registry: ModelRegistry) -> Iterator[None]:
        connection: sqlite3.Connection = registry._kept_catalogue._database._connection()
        self.reads.clear()
        self.statements, self.rows = 0, -connection.total_changes
        connection.set_trace_callback(self._count)
        try:
            yield
        finally:
            connection.set_trace_callback(None)
        self.rows += connection.total_changes

    def _count(self, statement: str) -> None:
        self.statements += not statement.startswith("--")  # what a statement does within is its own

    @property
    def all(self) -> tuple[dict[str, int], int, int]:
        return dict(self.reads), self.statements, self.rows


CHANGES: dict[str, Callable[[ModelRegistry, str, str, str, Path], object]] = {
    "promote": lambda registry, task, name, version, _: registry.promote(task, name, "staging", version),
    "tag": lambda registry, task, name, version, _: registry.tag(task, name, version, "reviewed_by", "ada"),
    "patch": lambda registry, task, name, version, _: registry.patch(task, name, version, description="other words"),
    "stage": lambda registry, task, name, version, _: registry.stage(task, name, version, "archived"),
    "unalias": lambda registry, task, name, version, _: registry.unalias(task, name, "staging"),
    "register": lambda registry, task, name, _, source: registry.register(task, name, "new", source),
    "delete": lambda registry, task, name, version, _: registry.delete(task, name, "to-go", reason="test"),
}


def _opened(root: Path, refresh_s: float = 3600.0, catalog_dir: Path | None = None) -> ModelRegistry:
    kept = str(catalog_dir) if catalog_dir else None
    return ModelRegistry.open(
        settings=CoreSettings(root=str(root), workers=1, catalog_refresh_s=refresh_s, catalog_dir=kept)
    )


def _model(root: Path) -> tuple[str, str, str]:
    (versions,) = root.glob("tasks/*/models/*/versions")
    return versions.parts[-4], versions.parts[-2], sorted(path.name for path in versions.iterdir())[0]


def _costs(area: Path, versions: int, meter: Meter) -> dict[str, tuple[dict[str, int], int, int]]:
    """What a process that shares the file with the one that makes the changes does after each."""
    root = area / f"root{versions}"
    generate(root, 1, versions, workers=1)
    names, source = _model(root), write_files(area / f"source{versions}", {"weights": b"w"})
    writer, reader = _opened(root), _opened(root)
    writer.repair_clock(*names[:2], is_wanted=True)  # so many versions go on for a century
    writer.register(*names[:2], "to-go", source, set_alias=None)
    writer.promote(*names[:2], "staging", names[2])
    reader.last_event()
    found = {}
    for change, make in CHANGES.items():
        make(writer, *names, source)
        with meter.of(reader):
            reader.last_event()
        found[change] = meter.all
    return found


def test_a_change_is_followed_by_its_own_size(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage reads, statements and rows written, of each kind of change."""
    meter = Meter()
    meter.patch(monkeypatch)
    few, many = (_costs(area, versions, meter) for versions in (FEW, MANY))
    for change in CHANGES:
        assert many[change] == few[change]
        assert sum(many[change][0].values()) <= 40, change
        assert many[change][2] <= 60, change


def test_a_process_that_finds_several_events_reads_only_those(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, meter = area / "root", Meter()
    generate(root, 1, FEW, workers=1)
    names = _model(root)
    writer, reader = _opened(root), _opened(root)
    reader.last_event()
    for number in range(5):
        writer.tag(*names, "key", number)
    meter.patch(monkeypatch)
    with meter.of(reader):
        reader.last_event()
    assert meter.reads["records, items"] == 5 + 1  # the last one that it knew proves that it is the same journal
    assert meter.reads["list, items"] <= 5


def test_a_host_that_looks_reads_what_has_changed(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a promote by somebody who does not say so, it reads no list of versions, and two packages."""
    root, meter = area / "root", Meter()
    generate(root, 1, FEW, workers=1)
    names = _model(root)
    writer, host = _opened(root), _opened(root, 0.0, area / "host")
    writer.promote(*names[:2], "staging", names[2])
    host.last_event()
    (home,) = root.glob("tasks/*/models/*")
    for place in (home, *home.glob("*"), *home.glob("a*/*"), *home.glob("state/*")):
        os.utime(place, (1e9, 1e9))  # else what changed within a second is looked at again
    host.last_event()
    writer.promote(*names[:2], "production", names[2])
    meter.patch(monkeypatch)
    with meter.of(host):
        host.last_event()
    assert meter.reads["records, items"] <= 4
    assert meter.reads["open"] + meter.reads["glance"] <= 4
    assert meter.reads["list, items"] < FEW


def test_nothing_new_is_no_read_of_the_journal(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        shelf.add("m", str(number))
    shelf.registry.last_event()
    meter = Meter()
    meter.patch(monkeypatch)
    with meter.of(shelf.registry):
        shelf.registry.last_event()
    assert (sum(meter.reads.values()), meter.rows) == (0, 0)

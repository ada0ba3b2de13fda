"""A model with two versions, on storages that can be opened again as another process would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, ModelRegistry
from registry_core.models.changes import Draft
from registry_core.models.model import ModelStore
from registry_core.storage import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage

from ..support.machine import remove_tree
from ..support.packages import write_files
from .simulated import Simulated

TASK, MODEL = "t", "m"


@dataclass
class Shelf:
    """A registry with the versions 1 and 2 of one model, and the ways to it."""

    storage: Storage
    sources: Path

    def registry(self, lock_timeout_s: float = 10.0) -> ModelRegistry:
        settings = CoreSettings(workers=1, lock_timeout_s=lock_timeout_s)
        return ModelRegistry.open("memory://", storage=self.storage, settings=settings)

    def model(self, lock_timeout_s: float = 10.0, told: Callable[[ModelStore], None] | None = None) -> ModelStore:
        return ModelStore(self.storage, TASK, MODEL, lock_timeout_s, told)

    def source(self, version: str) -> Path:
        return write_files(self.sources / version, {"model.pt": version.encode()})

    def register(self, version: str, **words: Any) -> Any:
        return self.registry().register(TASK, MODEL, version, self.source(version), **{"set_alias": None, **words})

    def promote(self, alias: str, version: str) -> Any:
        return self.registry().promote(TASK, MODEL, alias, version)

    def alias(self, alias: str) -> str | None:
        return self.model().alias_named(alias)

    def events(self) -> list[dict[str, Any]]:
        return [dict(line.fields or {}) for line in self.model().journal.lines()]

    def append(self, draft: Draft) -> dict[str, Any]:
        """The event is in the journal and nothing else: its writer died right after the append."""
        model = self.model()
        event = model.journal.next_event(model.journal.last(), draft.fields(model))
        model.journal.append(event)
        return event

    def assert_whole(self, *versions: str) -> None:
        registry = self.registry()
        assert registry.check().findings == []
        for version in versions:
            registry.verify(TASK, f"{MODEL}@{version}")


def move(alias: str, version: str, reason: str | None = None) -> Draft:
    return Draft("promote", version, None, reason, alias=alias)


def _filled(storage: Storage, sources: Path) -> Shelf:
    shelf = Shelf(storage, sources)
    shelf.register("1")
    shelf.register("2")
    return shelf


@pytest.fixture(params=["memory", "filesystem"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    (tmp_path / "root").mkdir()
    yield _filled(MemoryStorage() if request.param == "memory" else FilesystemStorage(tmp_path / "root"), tmp_path)
    remove_tree(tmp_path / "root")


@dataclass
class SimulatedShelf(Shelf):
    storage: Simulated


@pytest.fixture
def simulated(tmp_path: Path) -> SimulatedShelf:
    return _simulated(Simulated(), tmp_path)


@pytest.fixture
def forgetful(tmp_path: Path) -> SimulatedShelf:
    """A power cut may take back what can be read of its logs, until that is synced."""
    return _simulated(Simulated(shows_only_durable=False), tmp_path)


def _simulated(storage: Simulated, sources: Path) -> SimulatedShelf:
    _filled(storage, sources)
    return SimulatedShelf(storage, sources)

"""A registry to fill, and what a list of it must be by the verbs that ask one version at a time."""

from __future__ import annotations

import math
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, ModelRegistry
from registry_core.catalogue import keeping
from registry_core.storage.locks import release, try_hold

from ..support.packages import write_files


class Shelf:
    """A root, its registry, and a package to register again and again."""

    def __init__(self, root: Path, refresh_s: float = 3600.0) -> None:
        self.root = root
        self.root.mkdir(exist_ok=True)
        self.source = write_files(root.parent / "source", {"weights": b"w" * 100})
        self.registry = self.opened(refresh_s)

    def opened(self, refresh_s: float = 3600.0, catalog_dir: Path | None = None) -> ModelRegistry:
        """Another process's registry. ``refresh_s`` 0: every list looks at what others have written."""
        kept = str(catalog_dir) if catalog_dir else None
        return ModelRegistry.open(
            settings=CoreSettings(root=str(self.root), workers=1, catalog_refresh_s=refresh_s, catalog_dir=kept)
        )

    @property
    def catalogue(self) -> Path:
        """The database file."""
        (found,) = (path for path in (self.root / ".catalog").iterdir() if path.name.endswith(".sqlite"))
        return found

    def lose_catalogue(self, instead: bytes | None = None) -> None:
        """Its directory goes in one step, whoever writes into it; a file of these bytes may take its place."""
        place = self.root / ".catalog"
        while True:
            aside = self.root.parent / f"lost-{uuid.uuid4().hex}"
            place.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
            if instead is None:
                return
            with suppress(FileExistsError), place.open("xb") as file:  # a server may have made it anew
                file.write(instead)
                return

    def add(self, model: str, version: str, *, task: str = "t", **metadata: Any) -> None:
        alias = metadata.pop("set_alias", None)
        self.registry.register(task, model, version, self.source, metadata, set_alias=alias)

    def home(self, model: str, task: str = "t") -> Path:
        return self.root / "tasks" / task / "models" / model

    def package(self, model: str, version: str, task: str = "t") -> Path:
        return self.home(model, task) / "versions" / version


def titles(registry: ModelRegistry, **query: Any) -> list[str]:
    """``model@version`` of every version that the list has, its pages put together."""
    return [f"{item['model_name']}@{item['version']}" for item in everything(registry, **query)]


def everything(registry: ModelRegistry, **query: Any) -> list[dict[str, Any]]:
    """All pages of a list. Fails if a page is longer than asked for, or says another total."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = registry.list_models(**query, cursor=cursor)
        assert len(page.items) <= query.get("limit", 100)
        found += page.items
        if page.next is None:
            # While somebody else builds the catalogue nobody knows it, and says so.
            assert page.total == len(found) or (page.total is None and page.warnings)
            return found
        assert page.items, "a page with a next one is not empty"
        cursor = page.next


@dataclass(frozen=True)
class Asked:
    """A query, and the same thing said in Python."""

    task: str | None = None
    model_name: str | None = None
    alias: str | None = None
    stage: str | None = None
    metric_gte: tuple[tuple[str, float], ...] = ()
    metric_lte: tuple[tuple[str, float], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    sort: str = "name"
    limit: int = 100

    def query(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "model_name": self.model_name,
            "alias": self.alias,
            "stage": self.stage,
            "metric_gte": tuple(f"{key}:{number!r}" for key, number in self.metric_gte),
            "metric_lte": tuple(f"{key}:{number!r}" for key, number in self.metric_lte),
            "tags": tuple(f"{key}:{value}" for key, value in self.tags),
            "text": " ".join(self.words) if self.words else None,
            "sort": self.sort,
            "limit": self.limit,
        }

    def passes(self, book: Book) -> bool:
        tests: list[Callable[[], bool]] = [
            lambda: self.task in (None, book.task),
            lambda: self.model_name in (None, book.model),
            lambda: self.alias is None or self.alias in book.aliases,
            lambda: self.stage in (None, book.stage),
            lambda: all(book.metrics.get(key, -math.inf) >= number for key, number in self.metric_gte),
            lambda: all(book.metrics.get(key, math.inf) <= number for key, number in self.metric_lte),
            lambda: all(key in book.metrics for key, _ in (*self.metric_gte, *self.metric_lte)),
            lambda: all(book.tags.get(key) == value for key, value in self.tags),
            lambda: all(any(word.startswith(asked) for word in book.words) for asked in self.words),
        ]
        return all(test() for test in tests)

    @property
    def _metric(self) -> str | None:
        return self.sort.lstrip("-").partition("metric:")[2] or None

    def answer(self, books: list[Book]) -> list[str]:
        """Titles in the order asked for."""

        descending = self.sort.startswith("-")

        def key(book: Book) -> tuple[Any, ...]:
            names = (book.task, book.model, counted(book.version), book.version)
            if self._metric is not None:  # those without it come last in either direction
                return (self._metric in book.metrics) == descending, book.metrics.get(self._metric, 0), *names
            return (book.created_at, *names) if self.sort.endswith("created_at") else names

        passing = sorted(filter(self.passes, books), key=key, reverse=descending)
        return [book.title for book in passing]


def counted(version: str) -> list[tuple[int, int]]:
    """The signs of a version in order, each number as one."""
    return [
        (ord("0"), int(part)) if part.isdecimal() else (ord(part), 0) for part in re.findall("[0-9]+|[^0-9]", version)
    ]


@dataclass(frozen=True)
class Book:
    """One version as ``show`` tells of it; ``words`` are those of its metadata that a test searches for."""

    task: str
    model: str
    version: str
    created_at: str
    stage: str
    aliases: list[str]
    tags: dict[str, Any]
    metrics: dict[str, float]
    words: frozenset[str] = field(default_factory=frozenset)

    @property
    def title(self) -> str:
        return f"{self.model}@{self.version}"


def books(registry: ModelRegistry, root: Path) -> list[Book]:
    """Every version of the registry, asked for one by one."""
    found = []
    for path in root.glob("tasks/*/models/*/versions/*"):
        task, model, version = path.parts[-5], path.parts[-3], path.parts[-1]
        shown = registry.show(task, f"{model}@{version}")
        metrics = registry.metrics(task, f"{model}@{version}").version_metrics
        numbers = {key: float(value) for key, value in metrics.items() if isinstance(value, (int, float))}
        words = {model, version, *(shown.description or "").lower().split(), *map(str, shown.tags.values())}
        at = shown.meta["created_at"]
        found.append(Book(task, model, version, at, shown.stage, shown.aliases, shown.tags, numbers, frozenset(words)))
    return found


@contextmanager
def somebody_builds(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """There is no catalogue there, and somebody else is at it, for whom nobody waits."""
    monkeypatch.setattr(keeping, "BUILD_WAIT_S", 0.0)
    catalogue.parent.mkdir(exist_ok=True, parents=True)
    for file in catalogue.parent.glob(f"{catalogue.name}*"):  # others may have theirs beside it
        file.unlink(missing_ok=True)
    held = try_hold(catalogue.with_name(catalogue.name + ".refresh"))
    assert held is not None
    try:
        yield
    finally:
        release(held)

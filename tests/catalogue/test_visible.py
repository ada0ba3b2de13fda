"""Whoever may see some models only is told nothing of the others: in lists, totals, facets, searches, the stream."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry_core.catalogue.catalogue import Catalogue
from registry_core.catalogue.queries import Query
from registry_core.models.visible import Everything
from registry_core.storage.filesystem.tree import FilesystemStorage

from .shelf import Shelf


@dataclass(frozen=True)
class Only:
    """Sees these models."""

    seen: Collection[tuple[str, str]]

    def can_see(self) -> Callable[[str, str], bool]:
        return lambda task, model_name: (task, model_name) in self.seen


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    shelf = Shelf(tmp_path / "root")
    for task, model in (("a", "one"), ("a", "two"), ("b", "one"), ("b", "ü'; --")):
        name = model if model.isascii() and model.isalnum() else "odd"
        for version in ("1", "2", "3"):
            shelf.add(name, version, task=task, set_alias="latest", metrics={"loss": int(version)}, note=f"word{task}")
    return Catalogue(FilesystemStorage(str(shelf.root)), tmp_path / "catalogue.sqlite", 3600.0)


def names(catalogue: Catalogue, query: Query, *seen: tuple[str, str]) -> tuple[list[str], int]:
    page = catalogue.versions(query, Only(seen))
    return [f"{item['task']}/{item['model_name']}@{item['version']}" for item in page.items], page.total


def test_lists_and_totals_count_what_may_be_seen(catalogue: Catalogue) -> None:
    shown = ["a/two@1", "a/two@2", "a/two@3", "b/one@1", "b/one@2", "b/one@3"]
    assert names(catalogue, Query(), ("a", "two"), ("b", "one")) == (shown, 6)
    assert names(catalogue, Query(task="a"), ("a", "two"), ("b", "one")) == (shown[:3], 3)
    assert names(catalogue, Query(text="wordb"), ("a", "two")) == ([], 0)
    assert names(catalogue, Query(alias="latest", sort="-metric:loss"), ("b", "one")) == (["b/one@3"], 1)
    assert names(catalogue, Query()) == ([], 0)
    assert catalogue.versions(Query(), Everything()).total == 12


def test_a_page_is_full_of_what_may_be_seen(catalogue: Catalogue) -> None:
    """Filtered before the limit, never after it."""
    first = catalogue.versions(Query(limit=2), Only([("b", "odd")]))
    assert [item["version"] for item in first.items] == ["1", "2"]
    second = catalogue.versions(Query(limit=2, cursor=first.next), Only([("b", "odd")]))
    assert [item["version"] for item in second.items] == ["3"]
    assert second.next is None


def test_what_one_may_see_is_not_remembered_for_another(catalogue: Catalogue) -> None:
    assert names(catalogue, Query(alias="latest"), ("a", "one")) == (["a/one@3"], 1)
    assert names(catalogue, Query(alias="latest"), ("a", "two")) == (["a/two@3"], 1)


def test_tasks_count_what_may_be_seen(catalogue: Catalogue) -> None:
    found = catalogue.tasks(Only([("a", "one"), ("c", "none")]))
    assert [(one.task, one.models, one.versions) for one in found] == [("a", 1, 3)]


def test_the_stream_tells_of_what_may_be_seen(catalogue: Catalogue) -> None:
    found = catalogue.events(None, 2, Only([("b", "one")]))
    assert [(one.event.model_name, one.event.version) for one in found] == [("one", "1"), ("one", "2")]
    rest = catalogue.events(found[-1].id, 10, Only([("b", "one")]))
    assert [one.event.version for one in rest] == ["3"]
    assert catalogue.events(None, 10, Only([])) == []

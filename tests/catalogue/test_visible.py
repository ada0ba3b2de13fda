"""Whoever may see some models only is told nothing of the others: in lists, totals, facets, searches, the stream."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry_core import Kind, Principal
from registry_core.catalogue import unbuilt
from registry_core.catalogue.catalogue import Catalogue
from registry_core.catalogue.queries import Query
from registry_core.models.visible import Everything
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.vocabulary.answers import CatalogState
from registry_core.vocabulary.owners import LEGACY_UNOWNED, UNOWNED, Ownership, owned_by

from ..core.access.issuers import ISSUERS, OIDC
from ..core.access.ruled import put, written
from .shelf import Shelf


@dataclass(frozen=True)
class Only:
    """Sees these models."""

    seen: Collection[tuple[str, str]]

    def can_see(self) -> Callable[[str, str, Ownership], bool]:
        return lambda task, model_name, _: (task, model_name) in self.seen


@dataclass(frozen=True)
class Whose:
    """Sees the models of these owners."""

    seen: Container[Ownership]

    def can_see(self) -> Callable[[str, str, Ownership], bool]:
        return lambda *about: about[2] in self.seen


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


# by owners: the catalogue keeps whose each model is

OF_7, OF_8 = owned_by("7"), owned_by("8")
DOCUMENT = {"schema_version": 1, "organization_id": "8", "status": "owned"}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """The models free, seven (by an event), eight (by older software's file) and odd (by a file that is damaged)."""
    shelf = Shelf(tmp_path / "root", refresh_s=0.0)
    shelf.registry.trust(ISSUERS)
    put(FilesystemStorage(shelf.root), written(admins=["user:chief"]))
    chief = Principal(Kind.USER, "chief", OIDC, org="7")
    for name in ("free", "seven", "eight", "odd"):
        view = shelf.registry.as_(chief) if name == "seven" else shelf.registry
        for version in ("1", "2"):
            view.register("t", name, version, shelf.source, set_alias=None)
    say(shelf, "eight", DOCUMENT)
    say(shelf, "odd", {**DOCUMENT, "schema_version": 2})
    return shelf


def say(shelf: Shelf, name: str, document: dict[str, Any]) -> None:
    """As older software does: without an event."""
    new = shelf.home(name) / "ownership.new"
    new.write_text(json.dumps({**document, "task": "t", "model_name": name}))
    new.rename(shelf.home(name) / "ownership.json")


def of_owner(catalogue: Catalogue, *seen: Ownership, **query: Any) -> tuple[list[str], int | None, list[int], set[str]]:
    """(the models in the list, its total, the versions of each task, the models in the stream)."""
    whose = Whose(seen)
    page = catalogue.versions(Query(**query), whose)
    tasks = [one.versions for one in catalogue.tasks(whose)]
    told = {one.event.model_name or "" for one in catalogue.events(None, 100, whose)}
    return list(dict.fromkeys(item["model_name"] for item in page.items)), page.total, tasks, told


def test_lists_counts_and_the_stream_know_whose_each_model_is(shelf: Shelf, tmp_path: Path) -> None:
    catalogue = Catalogue(FilesystemStorage(shelf.root), tmp_path / "catalogue.sqlite", 3600.0)
    assert of_owner(catalogue, OF_7) == (["seven"], 2, [2], {"seven"})
    assert of_owner(catalogue, OF_8) == (["eight"], 2, [2], {"eight"})
    assert of_owner(catalogue, UNOWNED) == (["free"], 2, [2], {"free"})
    assert of_owner(catalogue, LEGACY_UNOWNED) == (["odd"], 2, [2], {"odd"})
    assert of_owner(catalogue, OF_7, UNOWNED) == (["free", "seven"], 4, [4], {"free", "seven"})
    assert of_owner(catalogue) == ([], 0, [], set())


def test_a_change_by_older_software_is_found_by_its_mark(shelf: Shelf, tmp_path: Path) -> None:
    catalogue = Catalogue(FilesystemStorage(shelf.root), tmp_path / "catalogue.sqlite", 0.0)
    assert of_owner(catalogue, OF_8)[1] == 2
    say(shelf, "odd", DOCUMENT)
    assert of_owner(catalogue, OF_8) == (["eight", "odd"], 4, [4], {"eight", "odd"})
    (shelf.home("eight") / "ownership.json").unlink()
    assert of_owner(catalogue, OF_8)[0] == ["odd"]
    assert of_owner(catalogue, UNOWNED)[0] == ["eight", "free"]


def test_a_new_model_is_somebodys_as_soon_as_it_is_listed(shelf: Shelf, tmp_path: Path) -> None:
    catalogue = Catalogue(FilesystemStorage(shelf.root), tmp_path / "catalogue.sqlite", 0.0)
    assert of_owner(catalogue, OF_7)[0] == ["seven"]
    chief = Principal(Kind.USER, "chief", OIDC, org="7")
    shelf.registry.as_(chief).register("t", "eleven", "1", shelf.source)
    assert of_owner(catalogue, OF_7)[0] == ["eleven", "seven"]
    assert of_owner(catalogue, UNOWNED)[0] == ["free"]


def test_a_page_that_is_read_without_the_catalogue_looks_at_owners_too(shelf: Shelf) -> None:
    state = CatalogState(ready=False, models_done=1, models_total=4)
    storage = FilesystemStorage(shelf.root)
    for whose, named in ((OF_7, "seven"), (OF_8, "eight"), (UNOWNED, "free"), (LEGACY_UNOWNED, "odd")):
        first = unbuilt.page(storage, Query(limit=1), Whose([whose]), state)
        rest = unbuilt.page(storage, Query(cursor=first.next), Whose([whose]), state)
        assert [(item["model_name"], item["version"]) for item in [*first.items, *rest.items]] == [
            (named, "1"),
            (named, "2"),
        ]
    assert unbuilt.page(storage, Query(), Whose([]), state).items == []


def test_a_catalogue_of_the_time_before_owners_is_made_anew(shelf: Shelf, tmp_path: Path) -> None:
    storage, path = FilesystemStorage(shelf.root), tmp_path / "catalogue.sqlite"
    catalogue = Catalogue(storage, path, 3600.0)
    assert of_owner(catalogue, OF_7)[1] == 2
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE model DROP COLUMN owner")
        connection.execute("PRAGMA user_version = 11")
    connection.close()
    assert of_owner(Catalogue(storage, path, 3600.0), OF_7) == (["seven"], 2, [2], {"seven"})

"""One model at a glance and its newest versions: what each row says, how pages follow each other, what they cost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from registry_core import InvalidParameter, ModelNotFound, PermissionDenied, VersionRow
from registry_core.catalogue import model_list, version_list
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.registry.guarded import FOREIGN, OWN, PUBLIC, house
from .filled import fill, steps
from .shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "root")


def names(shelf: Shelf, **more: object) -> list[str]:
    return [one.version for one in shelf.registry.list_versions("t", "m", **more).items]  # type: ignore[arg-type]


def test_a_model_at_a_glance_is_its_row_of_the_list_of_models(shelf: Shelf) -> None:
    shelf.add("m", "1", metrics={"f1": 0.5}, description="cells", set_alias="latest")
    shelf.add("other", "1")
    (row,) = (one for one in shelf.registry.list_summaries().items if one.model_name == "m")
    assert shelf.registry.summary("t", "m") == row
    assert (row.versions, row.description, row.metric_points) == (1, "cells", [0.5])


def test_a_row_says_who_made_the_version_and_what_it_achieved_and_is_called_now(shelf: Shelf) -> None:
    metadata = {"metrics": {"f1": 0.5, "loss": 2, "note": "text"}}
    shelf.registry.register("t", "m", "1", shelf.source, metadata, set_alias=None, actor="ada", reason="first")
    shelf.registry.promote("t", "m", "best", "1", actor="bob")
    shelf.registry.promote("t", "m", "also", "1", actor="bob")
    shelf.registry.stage("t", "m", "1", "archived", actor="eve")
    page = shelf.registry.list_versions("t", "m", metrics=("f1", "note", "gone"))
    (row,) = page.items
    assert page.next is None
    named, achieved = ["also", "best"], {"f1": 0.5}
    assert row == VersionRow("1", row.created_at, "ada", "first", "archived", row.size_bytes, named, achieved)
    assert row.size_bytes > 100
    assert row.created_at


def test_what_came_back_was_made_by_whoever_made_it(shelf: Shelf) -> None:
    shelf.registry.register("t", "m", "1", shelf.source, set_alias=None, actor="ada")
    shelf.registry.delete("t", "m", "1", actor="eve", reason="why")
    assert names(shelf) == []
    shelf.registry.restore("t", "m", "1", actor="eve")
    assert [one.actor for one in shelf.registry.list_versions("t", "m").items] == ["ada"]


def test_the_last_made_comes_first_and_pages_follow_each_other_while_versions_are_added(shelf: Shelf) -> None:
    for number in (3, 1, 2, 5, 4):
        shelf.add("m", str(number))
    first = shelf.registry.list_versions("t", "m", limit=2)
    assert [one.version for one in first.items] == ["4", "5"]
    shelf.add("m", "6")
    second = shelf.registry.list_versions("t", "m", limit=2, cursor=first.next)
    assert [one.version for one in second.items] == ["2", "1"]
    last = shelf.registry.list_versions("t", "m", limit=2, cursor=second.next)
    assert ([one.version for one in last.items], last.next) == (["3"], None)
    assert names(shelf) == ["6", "4", "5", "2", "1", "3"]


@pytest.mark.parametrize("cursor", ["", "x", "WyJhIl0", "é", "A" * 5000])
def test_a_cursor_of_nothing_is_refused(shelf: Shelf, cursor: str) -> None:
    shelf.add("m", "1")
    with pytest.raises(InvalidParameter):
        shelf.registry.list_versions("t", "m", cursor=cursor)


def test_a_cursor_is_of_one_model_and_a_limit_within_bounds(shelf: Shelf) -> None:
    for model in ("m", "n"):
        shelf.add(model, "1")
        shelf.add(model, "2")
    cursor = shelf.registry.list_versions("t", "m", limit=1).next
    with pytest.raises(InvalidParameter):
        shelf.registry.list_versions("t", "n", cursor=cursor)
    for limit in (0, 1001):
        with pytest.raises(InvalidParameter):
            shelf.registry.list_versions("t", "m", limit=limit)


def test_there_is_no_model_where_there_is_none(shelf: Shelf) -> None:
    shelf.add("m", "1")
    shelf.registry.log_metric("t", "trained", "run-1", "loss", 1)
    for model in ("gone", "trained"):
        with pytest.raises(ModelNotFound):
            shelf.registry.summary("t", model)
        with pytest.raises(ModelNotFound):
            shelf.registry.list_versions("t", model)


@pytest.mark.parametrize(
    ("who", "seen"), [("viewer", {OWN, PUBLIC}), ("stranger", {PUBLIC}), ("left", set()), ("anonymous", {PUBLIC})]
)
def test_what_may_not_be_seen_is_not_there_and_nobody_is_told_who(tmp_path: Path, who: str, seen: set[str]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    here = house(FilesystemStorage(root), tmp_path)
    here.registry.register(PUBLIC, "m", "77", here.source, actor="ada", reason="why", set_alias="latest")
    view = here.as_(who)
    for task in (OWN, FOREIGN, PUBLIC):
        for ask in (view.summary, view.list_versions):
            if task in seen:
                ask(task, "m")
            else:
                with pytest.raises((ModelNotFound, PermissionDenied)) as hidden:
                    ask(task, "m")
                with pytest.raises(type(hidden.value)):
                    ask(task, "none")
    if PUBLIC in seen:
        told = {one.actor for one in view.list_versions(PUBLIC, "m").items if one.version == "77"}
        told |= {one.actor for one in view.summary(PUBLIC, "m").aliases if one.alias == "latest"}
        assert told == ({None} if who == "anonymous" else {"ada"})


def test_a_page_costs_the_same_however_many_versions_there_are(tmp_path: Path) -> None:
    taken = {}
    for versions in (100, 20_000):
        fill(tmp_path / str(versions), 1, versions)
        with closing(sqlite3.connect(tmp_path / str(versions), isolation_level=None)) as connection:
            page = version_list.page(connection, 1, ("m0", "m1"), 25, None)
            assert len(page.items) == 25

            def ask(connection: sqlite3.Connection = connection, cursor: str | None = page.next) -> None:
                model_list.one(connection, 1)
                version_list.page(connection, 1, ("m0", "m1"), 25, None)
                version_list.page(connection, 1, ("m0", "m1"), 25, cursor)

            taken[versions] = steps(connection, ask)
    assert taken[20_000] <= taken[100] + 300

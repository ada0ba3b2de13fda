"""The list of models: what each row says, what passes and in which order, and what a page costs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    Alias,
    CoreSettings,
    IndexBuilding,
    InvalidParameter,
    ModelRegistry,
    ModelSummary,
    NewestVersion,
    SummaryPage,
)
from registry_core.catalogue import model_list
from registry_core.catalogue.model_queries import SummaryQuery
from registry_core.catalogue.pages import shown_models
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.registry.guarded import FOREIGN, OWN, PUBLIC, house
from .filled import fill, steps
from .shelf import Shelf, somebody_builds
from .test_visible import Only

ORDERS = ("name", "changed_at", "created_at", "versions", "bytes")


def named(page: SummaryPage) -> list[str]:
    return [f"{one.task}/{one.model_name}" for one in page.items]


def all_pages(registry: ModelRegistry, limit: int, **query: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = registry.list_summaries(**query, limit=limit, cursor=cursor)
        found += named(page)
        if page.next is None:
            assert page.total == len(found)
            return found
        assert len(page.items) == limit
        cursor = page.next


@pytest.fixture
def stocked(shelf: Shelf) -> Shelf:
    """Five models: with and without production, tags, metrics, and versions."""
    for number, (task, model, versions) in enumerate(
        [("t", "alpha", 3), ("t", "beta", 1), ("u", "alpha", 2), ("u", "gamma", 1), ("v", "delta", 2)]
    ):
        for version in range(1, versions + 1):
            tags = {"team": "atlas", "step": str(version)} if number % 2 == 0 else {}
            said = {"description": f"the {model} words", "tags": tags, "metrics": {"loss": version / 3, "acc": number}}
            shelf.add(model, str(version), task=task, **said, set_alias=None)
    shelf.registry.promote("t", "alpha", "production", "2", actor="ada", reason="best")
    shelf.registry.promote("u", "alpha", "production", "1")
    shelf.registry.promote("t", "beta", "staging", "1")
    shelf.registry.delete("u", "gamma", "1", reason="wrong")
    return shelf


def test_a_row_says_what_is_newest_who_moved_which_alias_and_how_large_it_is(stocked: Shelf) -> None:
    (row,) = stocked.registry.list_summaries(task="t", alias="production").items
    last = stocked.registry.history("t", "alpha").events[-1]
    made = stocked.registry.show("t", "alpha@3").meta["created_at"]
    size = sum(file.stat().st_size for version in "123" for file in stocked.package("alpha", version).iterdir())
    assert row == ModelSummary(
        task="t",
        model_name="alpha",
        description="the alpha words",
        versions=3,
        bytes=size,
        newest=NewestVersion("3", made, {"acc": 0.0, "loss": 1.0}),
        aliases=[Alias("production", "2", last.ts_utc, "ada", "best", last.seq)],
        changed_at=last.ts_utc,
        metric="acc",
        metric_points=[0.0, 0.0, 0.0],
    )


def test_a_model_whose_versions_are_gone_is_listed_without_a_newest_one(stocked: Shelf) -> None:
    (row,) = stocked.registry.list_summaries(task="u", without_alias="production").items
    assert (row.model_name, row.versions, row.bytes, row.newest, row.metric_points) == ("gamma", 0, 0, None, [])
    assert row.changed_at is not None


def test_a_model_that_has_nothing_but_runs_is_in_no_list(stocked: Shelf) -> None:
    stocked.registry.log_metric("w", "training", "r1", "loss", 1.0)
    stocked.registry.reindex()
    assert "w/training" not in all_pages(stocked.registry, 100)
    assert "w" not in stocked.registry.list_facets().tasks


def test_points_are_the_newest_twenty_of_the_first_metric_oldest_first(shelf: Shelf) -> None:
    for version in range(1, 31):
        shelf.add("m", f"1.{version}", metrics={"z": 1, "a": version / 7})
    shelf.registry.tag("t", "m", "1.3", "k", "v")  # which does not make it newer
    (row,) = shelf.registry.list_summaries().items
    assert (row.metric, row.metric_points) == ("a", [version / 7 for version in range(11, 31)])


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["t/alpha", "t/beta", "u/alpha", "u/gamma", "v/delta"]),
    ({"task": "u"}, ["u/alpha", "u/gamma"]),
    ({"alias": "production"}, ["t/alpha", "u/alpha"]),
    ({"without_alias": "production"}, ["t/beta", "u/gamma", "v/delta"]),
    ({"alias": "staging", "without_alias": "production"}, ["t/beta"]),
    ({"tag": ("team:atlas",)}, ["t/alpha", "u/alpha", "v/delta"]),
    ({"tag": ("team:atlas", "step:2")}, ["u/alpha", "v/delta"]),
    ({"tag": ("step:1",)}, []),  # of the newest version, and not of an older one
    ({"q": "ALPHA"}, ["t/alpha", "u/alpha"]),
    ({"q": "wor del"}, ["v/delta"]),
    ({"q": "\u2014"}, []),
    ({"q": " "}, ["t/alpha", "t/beta", "u/alpha", "u/gamma", "v/delta"]),
    ({"task": "t", "alias": "production", "tag": ("team:atlas",), "q": "words"}, ["t/alpha"]),
    ({"task": "none"}, []),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
@pytest.mark.parametrize("sort", ORDERS)
def test_what_passes_is_in_order_and_on_one_page_each(
    stocked: Shelf, query: dict[str, Any], expected: list[str], sort: str
) -> None:
    every = {f"{one.task}/{one.model_name}": one for one in stocked.registry.list_summaries().items}

    def value(name: str) -> Any:
        newest = every[name].newest
        made = newest.created_at if newest is not None else ""
        return (made if sort == "created_at" else getattr(every[name], sort, ""), name)

    ordered = sorted(expected, key=value)
    for limit in (1, 2, 100):
        assert all_pages(stocked.registry, limit, **query, sort=sort) == ordered
        assert all_pages(stocked.registry, limit, **query, sort=f"-{sort}") == ordered[::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"sort": "metric:loss"}, "sort"),
        ({"sort": ""}, "sort"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"tag": ("team",)}, "tag"),
        ({"tag": tuple(f"k:{number}" for number in range(101))}, "tag"),
        ({"q": " ".join(f"w{number}" for number in range(101))}, "q"),
        ({"task": "\ud800"}, "task"),
        ({"q": "\ud800"}, "q"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": ""}, "cursor"),
    ],
)
def test_what_makes_no_sense_is_refused(stocked: Shelf, query: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        stocked.registry.list_summaries(**query)
    assert refused.value.detail["field"] == field


def test_a_cursor_goes_with_its_own_query_and_holds_what_an_order_has(stocked: Shelf) -> None:
    cursor = stocked.registry.list_summaries(limit=1, sort="bytes").next
    for other in ({"sort": "-bytes"}, {"sort": "bytes", "task": "t"}, {"sort": "bytes", "tag": ("a:b",)}):
        with pytest.raises(InvalidParameter):
            stocked.registry.list_summaries(cursor=cursor, **other)
    query = SummaryQuery(sort="bytes")
    for last in (["1", "t", "m"], [1, 2, "m"], [1, "t"], [1.5, "t", "m"], [1 << 70, "t", "m"], [True, "t", "m"]):
        with pytest.raises(InvalidParameter):
            SummaryQuery(sort="bytes", cursor=query.cursor_after(last)).check()
    # Of a catalogue that was made anew it means the same.
    stocked.registry.reindex()
    assert len(stocked.registry.list_summaries(cursor=cursor, sort="bytes").items) == 4


def test_facets_count_models(stocked: Shelf) -> None:
    found = stocked.registry.list_facets()
    assert found.tasks == {"t": 2, "u": 2, "v": 1}
    assert found.aliases == {"production": 2, "staging": 1}
    assert found.tags == {"team:atlas": 3, "step:2": 2, "step:3": 1}
    stocked.registry.promote("v", "delta", "production", "1")
    assert stocked.registry.list_facets().aliases == {"production": 3, "staging": 1}


def test_facets_name_the_thirty_that_most_models_have(shelf: Shelf) -> None:
    for model in ("m", "n"):
        tags = {f"k{number:02}": model for number in range(35)}
        shelf.add(model, "1", tags={**tags, "both": "x"}, set_alias=None)
        for number in range(40):
            shelf.registry.promote("t", model, f"a{number:02}", "1")
    found = shelf.registry.list_facets()
    assert list(found.aliases) == [f"a{number:02}" for number in range(30)]
    assert (len(found.tags), next(iter(found.tags.items()))) == (30, ("both:x", 2))


def test_of_many_aliases_a_row_has_a_hundred_with_those_that_all_look_for(shelf: Shelf) -> None:
    shelf.add("m", "1", set_alias=None)
    for number in range(120):
        shelf.registry.promote("t", "m", f"a{number:03}", "1")
    for alias in ("staging", "production", "latest"):
        shelf.registry.promote("t", "m", alias, "1")
    (row,) = shelf.registry.list_summaries().items
    found = [one.alias for one in row.aliases]
    assert found == [*(f"a{number:03}" for number in range(97)), "latest", "production", "staging"]


def test_a_list_shows_each_change_at_once(stocked: Shelf) -> None:
    assert stocked.registry.list_summaries(q="lung").total == 0
    stocked.registry.patch("t", "beta", "1", description="of the lung", tags={"organ": "lung"})
    found = stocked.registry.list_summaries(q="lung")
    assert (named(found), found.items[0].description) == (["t/beta"], "of the lung")
    assert named(stocked.registry.list_summaries(sort="-changed_at", limit=1)) == ["t/beta"]
    stocked.registry.unalias("t", "beta", "staging")
    assert stocked.registry.list_summaries(alias="staging").total == 0


# who asks


@pytest.mark.parametrize(
    ("who", "seen"), [("viewer", {OWN, PUBLIC}), ("stranger", {PUBLIC}), ("left", set()), ("anonymous", {PUBLIC})]
)
def test_models_that_may_not_be_seen_are_in_no_row_and_no_count(tmp_path: Path, who: str, seen: set[str]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    here = house(FilesystemStorage(root), tmp_path)
    here.registry.promote(PUBLIC, "m", "production", "1", actor="ada", reason="why")
    view = here.as_(who)
    page = view.list_summaries()
    assert ({one.task for one in page.items}, page.total) == (seen, len(seen))
    assert view.list_facets().tasks == dict.fromkeys(sorted(seen), 1)
    assert view.list_facets().aliases.get("production", 0) == len(seen & {PUBLIC}) + len(seen & {OWN})
    assert len(view.list_summaries(limit=1).items) == min(1, len(seen))
    actors = {alias.actor for one in page.items for alias in one.aliases if alias.alias == "production"}
    assert ("ada" in actors) is (who in ("viewer", "stranger"))
    # What happens elsewhere changes nothing, byte for byte.
    before = repr((page, view.list_facets(), view.list_summaries(limit=1)))
    here.registry.register(FOREIGN, "m", "9", here.source, {"metrics": {"a": 1}, "tags": {"k": "v"}})
    here.registry.register("another", "n", "1", here.source)
    assert repr((view.list_summaries(), view.list_facets(), view.list_summaries(limit=1))) == before


def test_while_the_index_is_built_there_is_no_list(stocked: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    stocked.registry.last_event()
    with somebody_builds(stocked.catalogue, monkeypatch):
        for ask in (stocked.registry.list_summaries, stocked.registry.list_facets):
            with pytest.raises(IndexBuilding):
                ask()
    assert stocked.registry.list_summaries().total == 5


def test_on_an_empty_registry_there_is_nothing(shelf: Shelf) -> None:
    assert shelf.registry.list_summaries() == SummaryPage([], None, 0)
    assert shelf.registry.list_facets().tasks == {}


def test_in_memory_it_is_the_same(tmp_path: Path) -> None:
    source = Shelf(tmp_path / "root").source
    registry = ModelRegistry.open("memory://summaries", settings=CoreSettings(catalog_dir=str(tmp_path / "kept")))
    registry.register("t", "m", "1", source, {"metrics": {"a": 1}})
    (row,) = registry.list_summaries(alias="latest").items
    assert (row.model_name, row.metric_points) == ("m", [1.0])


# what it costs, in steps of the database's machine

MODELS, VERSIONS = 2_000, 20_000
QUERIES: list[dict[str, Any]] = [
    {},
    {"task": "task-3"},
    {"alias": "production"},
    {"without_alias": "production"},
    {"tag": ("k1:yes",)},
    {"tag": ("k9:yes",)},
    {"q": "model"},
]
ALL_QUERIES = [{**query, "sort": sort} for query, sort in product(QUERIES, ORDERS)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("catalogues")
    sizes = {"few": (50, 2), "models": (MODELS, 2), "versions": (1, VERSIONS), "few versions": (1, 50)}
    for name, (models, versions) in sizes.items():
        fill(top / name, models, versions)
    return {name: top / name for name in sizes}


@pytest.fixture
def connections(files: dict[str, Path]) -> Iterator[dict[str, sqlite3.Connection]]:
    opened = {name: sqlite3.connect(path, isolation_level=None) for name, path in files.items()}
    yield opened
    for connection in opened.values():
        connection.close()


def cost(connection: sqlite3.Connection, query: SummaryQuery, shown: str | None = None) -> int:
    return steps(connection, lambda: model_list.page(connection, query, shown))


@pytest.mark.parametrize("query", ALL_QUERIES)
def test_a_page_costs_the_same_however_many_versions_a_model_has(
    connections: dict[str, sqlite3.Connection], query: dict[str, Any]
) -> None:
    wanted = SummaryQuery(limit=50, **query)
    assert cost(connections["versions"], wanted) <= cost(connections["few versions"], wanted) + 200
    many = connections["versions"]
    assert steps(many, lambda: model_list.count(many, wanted, None)) <= 500
    assert steps(many, lambda: model_list.facets(many, None)) <= 500


@pytest.mark.parametrize("sort", [*ORDERS, *(f"-{order}" for order in ORDERS)])
def test_a_page_in_any_order_costs_what_it_shows(connections: dict[str, sqlite3.Connection], sort: str) -> None:
    few, many = connections["few"], connections["models"]
    assert cost(many, SummaryQuery(limit=25, sort=sort)) <= 1.1 * cost(few, SummaryQuery(limit=25, sort=sort))
    middle = SummaryQuery(limit=1000, sort=sort)
    _, cursor = model_list.page(many, middle, None)
    further = SummaryQuery(limit=25, sort=sort, cursor=cursor)
    assert cost(many, further) <= 1.1 * cost(few, SummaryQuery(limit=25, sort=sort))


@pytest.mark.parametrize("query", ALL_QUERIES)
def test_what_few_models_pass_costs_a_look_at_each_at_most(
    connections: dict[str, sqlite3.Connection], query: dict[str, Any]
) -> None:
    """A look takes some twenty steps, and those on the page a thousand each."""
    wanted = SummaryQuery(limit=25, **query)
    assert cost(connections["models"], wanted) <= 25_000 + 25 * MODELS
    assert steps(connections["models"], lambda: model_list.count(connections["models"], wanted, None)) <= 25 * MODELS


def test_facets_cost_a_look_at_each_model_its_aliases_and_its_tags(connections: dict[str, sqlite3.Connection]) -> None:
    many = connections["models"]
    assert steps(many, lambda: model_list.facets(many, None)) <= 90 * MODELS


def test_rows_of_models_with_many_aliases_metrics_and_tags_are_bounded(tmp_path: Path) -> None:
    fill(tmp_path / "odd", 5, 30, aliases=3_000, tags=1, metrics=2_000)
    with closing(sqlite3.connect(tmp_path / "odd")) as connection:
        rows, _ = model_list.page(connection, SummaryQuery(), None)
        assert all(len(row.aliases) <= 100 for row in rows)
        assert all(row.newest is not None and len(row.newest.metrics) == 100 for row in rows)
        assert cost(connection, SummaryQuery()) <= 5 * 10_000


def test_whoever_may_see_few_models_is_shown_them_at_the_cost_of_a_look_at_each(
    connections: dict[str, sqlite3.Connection],
) -> None:
    many = connections["models"]
    shown = shown_models(many, Only([("task-3", "model-000003"), ("task-4", "model-000004")]))
    for sort in ORDERS:
        rows, _ = model_list.page(many, SummaryQuery(sort=sort), shown)
        assert [row.model_name for row in rows] == ["model-000003", "model-000004"]
        assert cost(many, SummaryQuery(sort=sort), shown) <= 20 * MODELS

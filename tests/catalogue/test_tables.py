"""Whatever happened, however it was followed: the tables hold what a build from nothing makes of the registry."""

from __future__ import annotations

import random
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core import RegistryError
from registry_core.catalogue import pages
from registry_core.catalogue.queries import Query

from ..support.machine import MIB, memory_backed, remove_tree
from ..support.old_registry import OldRegistry
from .shelf import Shelf
from .tables import contents, opened, plan

MODELS, VERSIONS, ALIASES = ("alpha", "beta"), ("1", "2", "10", "v3"), ("latest", "staging", "production", "mine")
STEPS = (
    "register", "register", "promote", "promote", "rollback", "unalias", "tag", "patch", "stage", "delete", "restore",
    "purge", "ask", "look", "older version", "older alias", "older words", "older removal", "adopt",
)  # fmt: skip


def _step(shelf: Shelf, step: str, draw: random.Random) -> None:
    registry, model, version, alias = shelf.registry, draw.choice(MODELS), draw.choice(VERSIONS), draw.choice(ALIASES)
    words = {"actor": draw.choice(("ada", None)), "reason": draw.choice(("r" * 2000, "why", None))}
    old = OldRegistry(shelf.root).model("t", model)
    if step == "register":
        said = {"metrics": {"a": draw.random()}, "tags": {"k": draw.choice("xyz")}, "description": draw.choice("pq")}
        shelf.add(model, version, **said, set_alias=draw.choice((None, alias)))
    elif step == "promote":
        registry.promote("t", model, alias, version, **words)
    elif step == "rollback":
        registry.rollback("t", model, alias, **words)
    elif step == "unalias":
        registry.unalias("t", model, alias, **words)
    elif step == "tag":
        registry.tag("t", model, version, draw.choice("kl"), draw.choice((1, "x", None)), **words)
    elif step == "patch":
        registry.patch("t", model, version, description=draw.choice(("new words", None)), **words)
    elif step == "stage":
        registry.stage("t", model, version, draw.choice(("none", "staging", "production", "archived")), **words)
    elif step == "delete":
        registry.delete("t", model, version, reason="test")
    elif step == "restore":
        registry.restore("t", model, version)
    elif step == "purge":
        registry.purge(0)
    elif step == "adopt":
        registry.adopt()
    elif step == "older version":
        old.version(f"o{draw.randint(1, 3)}", metadata={"metrics": {"a": 1}}, alias=draw.choice((None, "latest")))
    elif step == "older alias":
        old.promote(alias, version)
    elif step == "older words":
        old.tag(f"o{draw.randint(1, 3)}", "k", draw.choice("xyz"))
    elif step == "older removal":
        package = shelf.package(model, version)
        if package.exists():
            remove_tree(package)


@settings(max_examples=60, deadline=None, database=None, print_blob=True)
@given(seed=st.integers(0, 2**20), steps=st.lists(st.sampled_from(STEPS), max_size=25))
def test_the_tables_are_what_a_build_from_nothing_makes(seed: int, steps: list[str]) -> None:
    """By a process that is told of each change, by a host that looks, and by one that was not there."""
    draw = random.Random(seed)
    top = Path(tempfile.mkdtemp(dir=memory_backed(64 * MIB)))
    try:
        shelf = Shelf(top / "root")
        host = shelf.opened(0.0, top / "host")
        for registry in (shelf.registry, host):
            registry.last_event()
        older = False
        for step in steps:
            older |= step.startswith("older")
            with suppress(RegistryError, FileNotFoundError, FileExistsError):
                _step(shelf, step, draw)
            if step == "ask":
                shelf.registry.last_event()
            elif step == "look":
                host.last_event()
        new = shelf.opened(0.0, top / "new")
        for registry in (shelf.registry, host, new):
            registry.last_event()
        expected = contents(*(top / "new").glob("*.sqlite"))
        assert contents(*(top / "host").glob("*.sqlite")) == expected
        if not older:  # whom nobody tells of older software's changes sees them when it looks
            assert contents(shelf.catalogue) == expected
    finally:
        remove_tree(top)


def test_a_model_has_the_words_the_numbers_and_the_aliases_that_a_list_shows(shelf: Shelf) -> None:
    shelf.registry.last_event()
    shelf.add("m", "1", description="robust atlas", tags={"tissue": "lung"}, set_alias="latest")
    shelf.add("m", "2", description="sparse", tags={"tissue": "skin"}, set_alias=None)
    shelf.registry.promote("t", "m", "production", "1", actor="ada", reason="w" * 1500)
    shelf.registry.patch("t", "m", "2", description="fresh words")
    size = sum(file.stat().st_size for version in "12" for file in shelf.package("m", version).iterdir())
    last = shelf.registry.history("t", "m").events[-1]
    shelf.registry.last_event()
    with opened(shelf.catalogue) as connection:
        row = connection.execute("SELECT description, versions, bytes, changed_at FROM model").fetchone()
        assert row == ("fresh words", 2, size, last.ts_utc)
        aliases = connection.execute("SELECT alias, version, actor, length(reason), seq FROM alias").fetchall()
        assert aliases == [("latest", "1", None, None, 1), ("production", "1", "ada", 1000, 3)]
        for word, found in (("fresh", 1), ("skin", 1), ("m", 1), ("t", 1), ("robust", 0), ("sparse", 0), ("lung", 0)):
            sql = "SELECT count(*) FROM model_words WHERE model_words MATCH ?"
            assert connection.execute(sql, (f'"{word}"*',)).fetchone() == (found,), word
        months = connection.execute("SELECT month, event, n FROM event_month ORDER BY event").fetchall()
        assert months == [
            (str(last.ts_utc)[:7], event, n) for event, n in (("patch", 1), ("promote", 1), ("register", 2))
        ]
    shelf.registry.delete("t", "m", "2", reason="test")
    shelf.registry.last_event()
    with opened(shelf.catalogue) as connection:
        assert connection.execute("SELECT description, versions FROM model").fetchone() == ("robust atlas", 1)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (Query(metric_gte=("a:1",)), "metric_value (key=? AND value>?)"),
        (Query(metric_lte=("a:1",), task="t"), "metric_value (key=? AND value<?)"),
        (Query(metric_gte=("a:1",), task="t", model_name="m"), "metric_model (model_id=? AND key=?)"),
        (Query(metric_lte=("a:1",), model_name="m"), "metric_model (model_id=? AND key=?)"),
    ],
)
def test_a_filter_by_a_metric_uses_an_index(shelf: Shelf, query: Query, index: str) -> None:
    shelf.add("m", "1", metrics={"a": 1})
    shelf.registry.last_event()
    with opened(shelf.catalogue) as connection:
        (condition,) = [one for one in query.conditions() if "metric" in one.ids]
        steps = plan(connection, condition.ids, condition.values)
        assert any(index in step for step in steps), steps
        assert not any(step.startswith("SCAN") for step in steps), steps


@pytest.mark.parametrize("words", [{}, {"task": "t"}, {"text": "w"}, {"task": "t", "model_name": "m"}])
@pytest.mark.parametrize("sort", ["metric:a", "-metric:a"])
def test_an_order_by_a_metric_uses_an_index(shelf: Shelf, sort: str, words: dict[str, str]) -> None:
    """In every walk that a page may take: past all that have the metric, past those without, or one by one."""
    shelf.add("m", "1", metrics={"a": 1}, note="w")
    shelf.registry.last_event()
    query = Query(sort=sort, **words)
    with opened(shelf.catalogue) as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        found = pages.passing(connection, query, None)
        for among in (None, *([found] if found is not None else [])):
            list(pages._walk(connection, query, 100, among))
        connection.set_trace_callback(None)
        walks = [sql for sql in asked if "metric m" in sql]
        assert len(walks) >= 2
        for sql in walks:
            steps = plan(connection, sql)
            by_value = any("metric_value (key=?" in step for step in steps)
            assert by_value or any("m USING PRIMARY KEY (version_id=? AND key=?)" in step for step in steps), steps
            assert not any(step.startswith("SCAN m") for step in steps), steps


PAGES = {  # what pages of one model, and of all, will ask
    "SELECT id FROM version WHERE model_id = 1 ORDER BY created_at DESC, id DESC LIMIT 50": "version_model",
    "SELECT created_at, value, version_id FROM metric WHERE model_id = 1 AND key = 'a' ORDER BY created_at DESC LIMIT"
    " 1000": "COVERING INDEX metric_model (model_id=? AND key=?)",
    "SELECT seq, version FROM event WHERE model_id = 1 AND alias = 'x' ORDER BY seq DESC LIMIT 300": "event_alias",
    "SELECT seq FROM event WHERE model_id = 1 AND actor = 'x' ORDER BY seq DESC LIMIT 50": "event_actor",
    "SELECT seq FROM event WHERE model_id = 1 AND seq < 9 ORDER BY seq DESC LIMIT 50": "event_seq",
    "SELECT position FROM event WHERE at < '2026' ORDER BY at DESC LIMIT 50": "event_at",
    **{
        f"SELECT id FROM model WHERE seq > 0 OR versions > 0 ORDER BY {order} LIMIT 50": f"model_{index}"
        for order, index in (
            ("task, name", "by_name"),
            ("changed_at DESC, task DESC, name DESC", "changed"),
            ("newest_at, task, name", "newest"),
            ("versions DESC, task DESC, name DESC", "versions"),
            ("bytes DESC, task DESC, name DESC", "bytes"),
        )
    },
    "SELECT month, event, n FROM event_month WHERE model_id = 1 ORDER BY month": "PRIMARY KEY (model_id=?)",
}


@pytest.mark.parametrize("sql", PAGES)
def test_what_a_page_of_a_model_asks_walks_an_index_and_sorts_nothing(shelf: Shelf, sql: str) -> None:
    shelf.registry.last_event()
    with opened(shelf.catalogue) as connection:
        steps = plan(connection, sql)
    assert any(PAGES[sql] in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps

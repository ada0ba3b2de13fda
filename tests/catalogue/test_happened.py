"""What happened, newest first, by page and by filter: what the journals say, at the cost of what is shown."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    CoreSettings,
    Event,
    IndexBuilding,
    InvalidName,
    InvalidParameter,
    ModelNotFound,
    ModelRegistry,
)
from registry_core.catalogue import happened, pages
from registry_core.catalogue.event_queries import EventQuery
from registry_core.models.visible import Everything
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.vocabulary.texts import parse_time

from ..core.registry.guarded import FOREIGN, OWN, PUBLIC, house
from ..support.old_registry import OldRegistry
from .filled import fill, steps
from .shelf import Shelf, somebody_builds
from .test_costs import Meter
from .test_visible import Only

# What a page by the catalogue leaves to the journal.
LEFT = ("package_digest", "created_at", "commit", "attempt", "prev", "previous_seq", "paths", "shown_by", "more")
LEFT += ("signatures", "facts", "gate", "attestation", "dismisses", "finding", "policy", "checkpoint")


def told(event: Event) -> dict[str, Any]:
    """The event as a page by the catalogue shows it."""
    fields = {**vars(event), **dict.fromkeys((*LEFT, "claimed_actor", "principal", "document", "token"))}
    moment = parse_time(event.ts_utc)
    return {**fields, "ts_utc": moment, "reason": event.reason and event.reason[:1000]}


def is_wanted(event: Event, wanted: dict[str, Any]) -> bool:
    """By the meaning of the filters, said once more."""
    version = event.version if event.version is not None else event.previous_version
    texts = (event.event, event.alias, event.version, event.previous_version, event.reason, event.actor)
    text = " ".join(one or "" for one in texts).lower()
    at = parse_time(event.ts_utc)
    tests: dict[str, Callable[[Any], bool]] = {
        "alias": lambda value: value in (event.alias, *(event.unaliased or ())),
        "version": lambda value: version == value,
        "event": lambda value: event.event == value,
        "actor": lambda value: event.actor == value,
        "since": lambda value: at is not None and at >= value,
        "until": lambda value: at is not None and at < value,
        "q": lambda value: all(word.lower() in text for word in value.split()),
    }
    return all(tests[name](value) for name, value in wanted.items())


def all_pages(registry: ModelRegistry, model: str, limit: int, order: str, wanted: dict[str, Any]) -> list[Event]:
    found: list[Event] = []
    edge: dict[str, Any] = {}
    while True:
        page = registry.history("t", model, order=order, limit=limit, **wanted, **edge)
        found += page.events
        if page.next is None:
            return found
        assert len(page.events) == limit
        edge = {"before" if order == "desc" else "after": page.next}


def all_activity(registry: ModelRegistry, limit: int, **wanted: Any) -> list[Event]:
    found: list[Event] = []
    before = None
    while True:
        page = registry.activity(limit=limit, before=before, **wanted)
        found += page.events
        if page.next is None:
            return found
        assert len(page.events) == limit
        before = page.next


@pytest.fixture
def lived(shelf: Shelf) -> Shelf:
    """Two models that a lot has happened to, one of them with older software."""
    old = OldRegistry(shelf.root)
    old.model("t", "n").version("o1", actor="eve").version("o2").promote("production", "o1", "eve", "older")
    registry, draw = shelf.registry, random.Random(7)
    for version in ("1", "2", "3"):
        shelf.add("m", version, set_alias="latest")
    shelf.add("n", "1", set_alias=None)
    for number in range(40):
        model = "m" if number % 3 else "n"
        words: Any = {"actor": draw.choice(("ada", "bob%", None)), "reason": draw.choice(("50% better", "x_y", None))}
        version = draw.choice("123" if model == "m" else "1")
        alias = draw.choice(("production", "staging", "latest"))
        kind = number % 4
        if kind == 0:
            registry.promote("t", model, alias, version, **words)
        elif kind == 1:
            registry.tag("t", model, version, "k", number, **words)
        elif kind == 2:
            registry.stage("t", model, version, draw.choice(("none", "archived", "staging")), **words)
        else:
            registry.patch("t", model, version, description=f"d{number}", **words)
    registry.delete("t", "m", "3", reason="r" * 2000) if not registry.show("t", "m@3").aliases else None
    if any(one.alias == "staging" for one in registry.list_aliases("t", "m")):
        registry.unalias("t", "m", "staging", actor="ada")
    return shelf


def filters(events: list[Event]) -> Iterator[dict[str, Any]]:
    moments = [moment for event in events if (moment := parse_time(event.ts_utc)) is not None]
    early, late = sorted(moments)[len(moments) // 4], sorted(moments)[len(moments) // 2]
    one: list[dict[str, Any]] = [
        {},
        {"alias": "production"},
        {"alias": "latest"},
        {"version": "1"},
        {"version": "o1"},
        {"event": "stage"},
        {"actor": "ada"},
        {"actor": "bob%"},
        {"q": "50% BETTER"},
        {"q": "x_y"},
        {"q": "xzy"},
        {"since": early},
        {"until": late},
        {"since": early, "until": late},
    ]
    yield from one
    for first, second in product(one[1:8], one[1:]):
        yield {**first, **second}


@pytest.mark.parametrize("model", ["m", "n"])
def test_each_filter_and_order_gives_what_the_journal_says(lived: Shelf, model: str) -> None:
    registry = lived.registry
    journal = registry.history("t", model, limit=1000).events
    for wanted in filters(journal):
        expected = [told(event) for event in journal if is_wanted(event, wanted)]
        for order, limit in (("desc", 1000), ("desc", 3), ("asc", 3)):
            found = [told(event) for event in all_pages(registry, model, limit, order, wanted)]
            assert found == (expected[::-1] if order == "desc" else expected), (wanted, order, limit)


def test_activity_is_what_all_journals_say_by_its_time(lived: Shelf) -> None:
    registry = lived.registry
    journal = [event for model in ("m", "n") for event in registry.history("t", model, limit=1000).events]

    def key(event: Event) -> tuple[Any, ...]:
        return parse_time(event.ts_utc), event.model_name, event.seq

    for wanted in filters(journal):
        expected = sorted((told(event) for event in journal if is_wanted(event, wanted)), key=lambda one: one["ts_utc"])
        for order, limit in (("desc", 1000), ("desc", 7), ("asc", 7)):
            found = [told(event) for event in all_activity(registry, limit, order=order, **wanted)]
            ordered = expected[::-1] if order == "desc" else expected
            assert [one["ts_utc"] for one in found] == [one["ts_utc"] for one in ordered], (wanted, order)
            key_of = json.dumps
            assert Counter(key_of(one, default=str) for one in found) == Counter(
                key_of({**one, "task": "t", "model_name": one["model_name"]}, default=str) for one in ordered
            )


def test_a_page_is_between_two_numbers(lived: Shelf) -> None:
    registry = lived.registry
    for order, q in product(("asc", "desc"), (None, "e")):
        page = registry.history("t", "m", after=3, before="9", order=order, q=q, limit=1000)
        seqs = [event.seq for event in page.events]
        assert seqs == sorted(seqs, reverse=order == "desc")
        assert set(seqs) <= set(range(4, 9))
        assert q is not None or len(seqs) == 5
    last = registry.history("t", "m", limit=1000).events[-1]
    timed = registry.history("t", "m", before=10**9, until=last.ts_utc, order="desc", limit=1000)
    assert [event.seq for event in timed.events] == list(range(last.seq - 1, 0, -1))


def test_a_change_shows_at_once_and_with_what_it_set(lived: Shelf) -> None:
    lived.registry.tag("t", "m", "1", "fresh", True, actor="ada", reason="now")
    (event,) = lived.registry.history("t", "m", order="desc", limit=1).events
    assert (event.event, event.version, event.set, event.actor) == ("tag", "1", {"tags": {"fresh": True}}, "ada")
    assert lived.registry.activity(limit=1).events == [event]


def test_the_alias_that_a_stage_removes_is_found_by_its_name(shelf: Shelf) -> None:
    shelf.add("m", "1", set_alias="latest")
    shelf.registry.promote("t", "m", "production", "1")
    shelf.registry.promote("t", "m", "staging", "1")
    shelf.registry.stage("t", "m", "1", "none", actor="ada")
    for alias in ("production", "staging"):
        (removed, _) = shelf.registry.history("t", "m", alias=alias, order="desc").events
        assert (removed.event, removed.actor, removed.unaliased) == ("stage", "ada", ["production", "staging"])
        assert shelf.registry.activity(alias=alias).events[0] == removed
    shelf.registry.reindex()
    assert shelf.registry.history("t", "m", alias="staging", order="desc").events[0] == removed


def test_where_a_clock_was_wrong_a_span_of_time_is_in_the_order_of_time(shelf: Shelf) -> None:
    shelf.add("m", "1")
    journal = shelf.home("m") / "audit" / "promotions.jsonl"
    line = json.loads(journal.read_bytes())
    lines = [{**line, "seq": None, "ts_utc": f"20{year}-01-01T00:00:00+00:00"} for year in (21, 25, 23, 24, 22)]
    for one in lines:
        del one["seq"], one["prev"]
    journal.write_text("".join(json.dumps(one) + "\n" for one in lines))
    shelf.registry.reindex()
    for limit in (1, 2, 10):
        seqs = [event.seq for event in all_pages(shelf.registry, "m", limit, "desc", {"since": "2022-06-01"})]
        assert seqs == [2, 4, 3]
        seqs = [event.seq for event in all_pages(shelf.registry, "m", limit, "asc", {"until": "2024-06-01"})]
        assert seqs == [1, 5, 3, 4]
    assert [event.seq for event in shelf.registry.history("t", "m", order="desc").events] == [5, 4, 3, 2, 1]


def test_events_without_a_time_come_last_and_are_in_no_span(shelf: Shelf) -> None:
    shelf.add("m", "1")
    shelf.add("n", "1")
    (shelf.home("n") / "audit" / "promotions.jsonl").write_text('{"alias": "a", "version": "1"}\n{"alias": "b"}\n')
    shelf.registry.reindex()
    found = all_activity(shelf.registry, 1)
    assert [(event.model_name, event.ts_utc is None) for event in found] == [("m", False), ("n", True), ("n", True)]
    for span in ({"until": "2100-01-01"}, {"since": "1980-01-01"}):
        assert [event.model_name for event in shelf.registry.activity(**span).events] == ["m"]  # type: ignore[arg-type]
        assert shelf.registry.history("t", "n", **span).events == []  # type: ignore[arg-type]


def test_months_count_what_happened_in_each(lived: Shelf) -> None:
    for model in ("m", "n"):
        events = lived.registry.history("t", model, limit=1000).events
        counted = Counter((str(parse_time(event.ts_utc))[:7], event.event) for event in events)
        found = lived.registry.event_months("t", model)
        assert {(month, event): n for month, event, n in found} == counted
        assert [month for month, *_ in found] == sorted((month for month, *_ in found), reverse=True)


def test_a_lost_end_of_a_journal_is_told(lived: Shelf) -> None:
    journal = lived.home("m") / "audit" / "promotions.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    lived.registry.reindex()
    assert lived.registry.history("t", "m", order="desc").warnings
    assert lived.registry.activity().warnings
    assert not lived.registry.history("t", "n", order="desc").warnings


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"order": "newest"}, "order"),
        ({"order": "desc", "limit": 0}, "limit"),
        ({"order": "desc", "limit": 1001}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"until": ""}, "until"),
        ({"q": " ".join(f"w{number}" for number in range(101))}, "q"),
        ({"actor": "\ud800"}, "actor"),
        ({"q": "a" * 60_000}, "q"),  # of a longer pattern SQLite says that its file is damaged
    ],
)
def test_what_makes_no_sense_is_refused(shelf: Shelf, query: dict[str, Any], field: str) -> None:
    shelf.add("m", "1")
    asked: list[Callable[[], Any]] = [
        lambda: shelf.registry.history("t", "m", **query),
        lambda: shelf.registry.activity(**query),
    ]
    for ask in asked:
        with pytest.raises(InvalidParameter) as refused:
            ask()
        assert refused.value.detail["field"] == field


@pytest.mark.parametrize("before", ["", "x", "-1", "1.5", -1, 1 << 63, "9" * 19, "²", True])
def test_only_the_number_of_an_event_is_one(shelf: Shelf, before: Any) -> None:
    shelf.add("m", "1")
    if before is not True:  # a number all the same
        with pytest.raises(InvalidParameter):
            shelf.registry.history("t", "m", before=before)


def test_a_cursor_of_activity_goes_with_its_own_query(lived: Shelf) -> None:
    registry = lived.registry
    cursor = registry.activity(limit=5, actor="ada").next
    for other in ({}, {"actor": "bob%"}, {"actor": "ada", "order": "asc"}, {"actor": "ada", "q": "x"}):
        with pytest.raises(InvalidParameter):
            registry.activity(before=cursor, **other)  # type: ignore[arg-type]
    for strange in ("", "x", "WzFd"):
        with pytest.raises(InvalidParameter):
            registry.activity(before=strange)


def test_a_cursor_goes_on_in_another_catalogue(lived: Shelf, tmp_path: Path) -> None:
    """Of another replica, or one that was made anew; of a model that is gone it goes on by the time."""
    first = lived.registry.activity(limit=9)
    rest = all_activity(lived.registry, 1000)[9:]
    other = lived.opened(0.0, tmp_path / "other")
    assert other.activity(before=first.next, limit=1000).events == rest
    lived.registry.reindex()
    assert lived.registry.activity(before=first.next, limit=1000).events == rest
    last = first.events[-1].model_name
    lived.home(str(last)).rename(lived.root.parent / "gone")
    lived.registry.reindex()
    left = [event for event in rest if event.model_name != last]
    assert lived.registry.activity(before=first.next, limit=1000).events == left


# who asks


@pytest.mark.parametrize(
    ("who", "seen"), [("viewer", {OWN, PUBLIC}), ("stranger", {PUBLIC}), ("left", set()), ("anonymous", {PUBLIC})]
)
def test_nothing_tells_of_what_may_not_be_seen_or_of_people(
    tmp_path: Path, who: str, seen: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root").mkdir()
    here = house(FilesystemStorage(tmp_path / "root"), tmp_path)
    here.registry.promote(PUBLIC, "m", "production", "2", actor="ada", reason="why")
    view = here.as_(who)

    def answers() -> list[Any]:
        found: list[Any] = [view.activity(), view.activity(order="asc", q="m", limit=2), view.activity(actor="ada")]
        cursor = view.activity(limit=2).next
        return [*found, cursor, view.activity(limit=2, before=cursor)] if cursor else found

    for few_rows in (happened.FEW_ROWS, 0):  # each model by itself, or all of them walked past
        monkeypatch.setattr(happened, "FEW_ROWS", few_rows)
        before = answers()
        assert {event.task for event in before[0].events} == seen
        actors = {event.actor for event in before[0].events}
        assert ("ada" in actors) is (who in ("viewer", "stranger"))
        assert bool(before[2].events) is (who in ("viewer", "stranger"))
        assert bool(view.activity(q="ada").events) is (who in ("viewer", "stranger"))
        here.registry.promote(FOREIGN, "m", "candidate", "2", actor="ada")
        here.registry.tag(FOREIGN, "m", "2", "k", "v")
        assert answers() == before
    if who == "anonymous":
        events = view.history(PUBLIC, "m", order="desc").events
        assert events
        assert not any(event.actor for event in events)
        assert view.history(PUBLIC, "m", actor="ada").events == view.history(PUBLIC, "m", q="ada").events == []


def test_a_model_that_may_not_be_seen_has_no_past(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    here = house(FilesystemStorage(tmp_path / "root"), tmp_path)
    for view in (here.as_("stranger"), here.registry):
        task = FOREIGN if view is not here.registry else "nowhere"
        for ask in (
            lambda view=view, task=task: view.history(task, "m", order="desc"),
            lambda view=view, task=task: view.event_months(task, "m"),
            lambda view=view, task=task: view.metric_values(task, "m", "loss"),
            lambda view=view, task=task: view.metric_keys(task, "m"),
        ):
            with pytest.raises(ModelNotFound):
                ask()


def test_a_model_that_the_index_does_not_know_yet_has_an_empty_page(shelf: Shelf) -> None:
    shelf.registry.last_event()
    OldRegistry(shelf.root).model("t", "new").version("1")
    assert shelf.registry.history("t", "new", order="desc").events == []
    assert shelf.registry.event_months("t", "new") == ()
    with pytest.raises(ModelNotFound):
        shelf.registry.history("t", "gone", order="desc")
    with pytest.raises(InvalidName):
        shelf.registry.history("t", "..", order="desc")


def test_while_the_index_is_built_there_is_no_page_by_it(lived: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    lived.registry.last_event()
    with somebody_builds(lived.catalogue, monkeypatch):
        asked: list[Callable[[], Any]] = [
            lambda: lived.registry.history("t", "m", order="desc"),
            lived.registry.activity,
            lambda: lived.registry.event_months("t", "m"),
            lambda: lived.registry.metric_keys("t", "m"),
        ]
        for ask in asked:
            with pytest.raises(IndexBuilding):
                ask()
        assert lived.registry.history("t", "m").events  # by the journal


def test_in_memory_it_is_the_same(tmp_path: Path) -> None:
    source = Shelf(tmp_path / "root").source
    registry = ModelRegistry.open("memory://happened", settings=CoreSettings(catalog_dir=str(tmp_path / "kept")))
    registry.register("t", "m", "1", source, {"metrics": {"a": 1}}, actor="ada")
    assert [event.actor for event in registry.history("t", "m", actor="ada").events] == ["ada"]
    assert [event.actor for event in registry.activity().events] == ["ada"]


# what it costs


def test_pages_by_the_index_read_nothing_of_the_storage(lived: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    lived.registry.last_event()
    meter = Meter()
    meter.patch(monkeypatch)
    asked: list[Callable[[], Any]] = [
        lambda: lived.registry.history("t", "m", order="desc"),
        lambda: lived.registry.history("t", "m", alias="production", actor="ada", q="x"),
        lived.registry.activity,
        lambda: lived.registry.event_months("t", "m"),
        lambda: lived.registry.metric_values("t", "m", "a"),
        lambda: lived.registry.metric_keys("t", "m"),
        lived.registry.list_summaries,
        lived.registry.list_facets,
    ]
    for ask in asked:
        with meter.of(lived.registry):
            ask()
        assert dict(meter.reads) == {}


def query(**asked: Any) -> EventQuery:
    nothing = dict.fromkeys(("alias", "version", "event", "actor", "since", "until", "q"))
    return EventQuery(**{**nothing, "order": "desc", "limit": 50, "names_nobody": False, **asked})


FEW, MANY = 500, 20_000
NARROW: list[dict[str, Any]] = [
    {},
    {"order": "asc"},
    {"alias": "production"},
    {"version": "v7"},
    {"event": "tag"},
    {"actor": "person-3"},
    {"actor": "nobody"},
    {"q": "reason"},
    {"since": "2025-01-01T10"},
    {"until": "2025-01-01T10"},
    {"since": "2025-01-01T05", "until": "2025-01-01T10", "order": "asc"},
]
WIDE: list[dict[str, Any]] = [
    {"q": "nowhere"},
    {"alias": "production", "actor": "nobody"},
    {"event": "tag", "until": "2024"},
    {"actor": "person-1", "version": "v3"},
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("catalogues")
    for name, (models, versions) in {"few": (1, FEW), "many": (1, MANY), "models": (1_000, 10)}.items():
        fill(top / name, models, versions, metrics=1)
    return {name: top / name for name in ("few", "many", "models")}


@pytest.fixture
def connections(files: dict[str, Path]) -> Iterator[dict[str, sqlite3.Connection]]:
    opened = {name: sqlite3.connect(path, isolation_level=None) for name, path in files.items()}
    yield opened
    for connection in opened.values():
        connection.close()


@pytest.mark.parametrize("asked", NARROW)
def test_a_page_of_a_history_costs_what_it_shows(
    connections: dict[str, sqlite3.Connection], asked: dict[str, Any]
) -> None:
    few, many = connections["few"], connections["many"]
    wanted = query(**asked)
    for place in ("first", "middle"):
        cost = {}
        for name, connection, events in (("few", few, FEW), ("many", many, MANY)):
            before = events // 2 if place == "middle" and wanted.is_descending else None
            after = events // 2 if place == "middle" and not wanted.is_descending else 0
            cost[name] = steps(
                connection,
                lambda c=connection, a=after, b=before: happened.of_model(c, 1, wanted, a, b),  # type: ignore[misc]
            )
        assert cost["many"] <= max(cost["few"], 6_000) + 500, place
    activity = steps(many, lambda: happened.of_all(many, wanted, None, None))
    assert activity <= 60 * happened.LOOKED_AT if "version" in asked or "actor" in asked else activity <= 12_000


@pytest.mark.parametrize("asked", WIDE)
def test_a_page_that_finds_little_looks_at_so_many_events_and_says_where_to_go_on(
    connections: dict[str, sqlite3.Connection], asked: dict[str, Any]
) -> None:
    many, wanted = connections["many"], query(**asked)
    assert steps(many, lambda: happened.of_model(many, 1, wanted, 0, None)) <= 150 * happened.LOOKED_AT
    assert steps(many, lambda: happened.of_all(many, wanted, None, None)) <= 100 * happened.LOOKED_AT
    page, looked = happened.of_model(many, 1, wanted, 0, None), 1
    while page.next is not None:
        page, looked = happened.of_model(many, 1, wanted, 0, page.next), looked + 1
    assert looked <= MANY // happened.LOOKED_AT + 1
    events, following = happened.of_all(many, wanted, None, None)
    assert (len(events), following is None) == (0, "until" in asked)


def test_what_is_found_far_away_is_on_a_later_page(connections: dict[str, sqlite3.Connection]) -> None:
    many, wanted = connections["many"], query(q="v3 register")
    seen: list[int] = []
    before = None
    while True:
        page = happened.of_model(many, 1, wanted, 0, before)
        seen += [event.seq for event in page.events]
        if page.next is None:
            break
        before = page.next
    expected = [seq for seq in range(MANY, 0, -1) if "v3" in f"v{seq}" and seq % 5 in (0, 3)]
    assert seen == expected


def test_activity_of_whoever_sees_some_models_costs_those(connections: dict[str, sqlite3.Connection]) -> None:
    models = connections["models"]
    two = pages.shown_models(models, Only([("task-3", "model-000003"), ("task-4", "model-000004")]))
    events, following = happened.of_all(models, query(), two, None)
    assert ({event.model_name for event in events}, following) == ({"model-000003", "model-000004"}, None)
    assert len(events) == 20
    assert steps(models, lambda: happened.of_all(models, query(), two, None)) <= 6_000
    many = pages.shown_models(models, Only({(f"task-{n % 20}", f"model-{n:06}") for n in range(1, 1001, 2)}))
    assert steps(models, lambda: happened.of_all(models, query(), many, None)) <= 40 * 500
    assert pages.shown_models(models, Everything()) is None


DAMAGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a line that is none": lambda lines: [*lines[:-1], b"x" + lines[-1][1:]],
    "another reason": lambda lines: [lines[0], lines[1].replace(b'"task":"t"', b'"task":"u"'), *lines[2:]],
    "a line less": lambda lines: [*lines[:2], *lines[3:]],
    "two lines swapped": lambda lines: [*lines[:1], lines[2], lines[1], *lines[3:]],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_damaged_journal_says_comes_with_a_warning(lived: Shelf, damage: str) -> None:
    registry, journal = lived.opened(0.0), lived.home("m") / "audit" / "promotions.jsonl"
    whole = journal.read_bytes()

    def told() -> list[list[str]]:
        return [
            registry.history("t", "m", order="desc").warnings,
            registry.activity().warnings,
            registry.list_summaries().warnings,
            registry.list_summaries().items[0].warnings,
            registry.summary("t", "m").warnings,
            registry.list_versions("t", "m").warnings,
        ]

    assert told() == [[]] * 6
    lines = DAMAGES[damage](whole.splitlines())
    journal.write_bytes(b"".join(line + b"\n" for line in lines))
    registry.reindex()
    for said in told():
        assert any(text.startswith("The journal of t/m is damaged") for text in said), damage
    assert not registry.history("t", "n", order="desc").warnings
    journal.write_bytes(whole)  # from a backup: it is looked whether it is mended
    assert told() == [[]] * 6


def test_a_line_that_is_added_and_none_is_told_of_without_a_build(lived: Shelf) -> None:
    registry = lived.opened(0.0)
    assert registry.activity().warnings == []
    with (lived.home("n") / "audit" / "promotions.jsonl").open("ab") as journal:
        journal.write(b"garbage\n")
    assert registry.activity().warnings
    assert registry.history("t", "n", order="desc").warnings

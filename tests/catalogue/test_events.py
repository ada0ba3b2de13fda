"""The stream of events: every one once, in the order in which it became known, and none lost to a rebuild."""

from __future__ import annotations

import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core import InvalidParameter, ModelRegistry, StreamedEvent

from ..support.machine import MIB, memory_backed, remove_tree
from ..support.old_registry import OldRegistry
from .shelf import Shelf


def named(events: list[StreamedEvent]) -> list[tuple[str, int]]:
    return [(event.event.model_name or "", event.event.seq) for event in events]


def test_from_the_beginning_and_from_now_on(shelf: Shelf) -> None:
    assert shelf.registry.events("", 10) == []
    start = shelf.registry.last_event()
    shelf.add("a", "1", set_alias="latest")
    shelf.registry.promote("t", "a", "production", "1", actor="ada", reason="best")
    now = shelf.registry.last_event()
    shelf.registry.tag("t", "a", "1", "tissue", "lung")
    assert named(shelf.registry.events(start, 10)) == [("a", 1), ("a", 2), ("a", 3)]
    assert named(shelf.registry.events("", 10)) == [("a", 1), ("a", 2), ("a", 3)]
    (last,) = shelf.registry.events(now, 10)
    assert last.event == shelf.registry.history("t", "a").events[2]
    assert last.id == shelf.registry.last_event()
    assert shelf.registry.events(last.id, 10) == []


def test_pages_of_events(shelf: Shelf) -> None:
    for number in range(7):
        shelf.add(f"m{number % 3}", str(number))
    whole = shelf.registry.events("", 1000)
    for size in (1, 2, 3, 7, 8):
        found: list[StreamedEvent] = []
        while page := shelf.registry.events(found[-1].id if found else "", size):
            assert len(page) <= size
            found += page
        assert found == whole


@pytest.mark.parametrize(
    "after",
    [
        "x",
        "a.b.c",
        "a.-1.",
        "a.1.yesterday",
        "a.1",
        ".",
        "a.\u0661.",
        "a." + "9" * 30 + ".",
        "a.1.2026-01-01T00:00:00Z\x00",
    ],
)
def test_an_id_that_no_stream_has_given(shelf: Shelf, after: str) -> None:
    shelf.add("a", "1")
    try:
        assert named(shelf.registry.events(after, 10)) == [("a", 1)]  # of another catalogue, from before all times
    except InvalidParameter as error:
        assert error.detail["field"] == "after"


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_limits(shelf: Shelf, limit: int) -> None:
    with pytest.raises(InvalidParameter):
        shelf.registry.events("", limit)


def test_ids_survive_a_rebuild(shelf: Shelf, area: Path) -> None:
    """Of whatever event: none is skipped, and what was before all of them is not told again."""
    old = OldRegistry(shelf.root)
    for name in ("z", "y", "b"):  # their times are years ago
        old.model("t", name).version("1").version("2")
    registry = shelf.registry
    first = registry.events("", 100)
    assert len(first) == 6
    for number in range(3):
        shelf.add(f"m{number}", "1")
    whole = registry.events("", 100)
    shelf.opened().reindex()
    beside = shelf.opened(0.0, area / "elsewhere")  # another host, another order
    for here in (registry, beside):
        again = here.events("", 100)
        assert sorted(named(again)) == sorted(named(whole))
        assert [event.event.ts_utc for event in again] == sorted(str(event.event.ts_utc) for event in again)
        for position, event in enumerate(whole):
            told = named(here.events(event.id, 100))
            assert set(named(whole[position + 1 :])) <= set(told)
            if position >= 6:  # the old ones are told, and are not told again
                assert not {("z", 1), ("y", 1), ("b", 1)} & set(told)


def test_an_id_from_now_on_of_an_empty_catalogue(shelf: Shelf) -> None:
    start = shelf.registry.last_event()
    shelf.opened().reindex()
    shelf.add("a", "1")
    assert named(shelf.registry.events(start, 10)) == [("a", 1)]


@settings(max_examples=25, deadline=None, database=None, print_blob=True)
@given(
    seed=st.integers(0, 2**20),
    steps=st.lists(st.sampled_from(("add", "older", "late", "rebuild", "read", "read", "elsewhere")), max_size=14),
)
def test_a_reader_hears_of_every_event(seed: int, steps: list[str]) -> None:
    """Whatever is rebuilt, whichever host it asks next, and whatever its events claim to be the time."""
    draw = random.Random(seed)
    top = Path(tempfile.mkdtemp(dir=memory_backed(64 * MIB)))
    try:
        shelf = Shelf(top / "root")
        hosts: list[ModelRegistry] = [shelf.opened(0.0), shelf.opened(0.0, top / "elsewhere")]
        host, position = hosts[0], ""
        heard: set[tuple[str, int]] = set()
        old = OldRegistry(shelf.root)
        for number, step in enumerate([*steps, "read"]):
            if step == "add":
                shelf.add(draw.choice("abc"), f"v{number}", set_alias=draw.choice((None, "latest")))
            elif step == "older":
                old._now = datetime.now(UTC) - timedelta(seconds=125)  # it moves a minute at each of two looks
                old.model("t", draw.choice("xyz")).version(f"v{number}")
            elif step == "late":
                journal = shelf.home("late") / "audit" / "promotions.jsonl"
                journal.parent.mkdir(parents=True, exist_ok=True)
                with journal.open("a") as log:
                    ts_utc = draw.choice(("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "soon"))
                    log.write(f'{{"alias": "x", "version": "{number}", "ts_utc": "{ts_utc}"}}\n')
            elif step == "rebuild":
                host.reindex()
            elif step == "elsewhere":
                host = hosts[host is hosts[0]]
            else:
                while events := host.events(position, draw.randint(1, 3)):
                    heard |= set(named(events))
                    position = events[-1].id
        expected = set()
        for model in shelf.root.glob("tasks/t/models/*"):
            events_of = shelf.registry.history("t", model.name, limit=1000).events
            expected |= {(model.name, event.seq) for event in events_of}
        assert heard == expected
    finally:
        remove_tree(top)

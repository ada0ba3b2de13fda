"""The page of what happened in the whole registry, and how an open one learns of more."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest

from app.pages.activity import MOST_NEW, ROWS
from registry_core import ModelRegistry

from .filling import fill
from .signed_in import required, signed_in
from .visiting import Visitor


@pytest.fixture
def filled(registry: ModelRegistry, tmp_path: Path) -> ModelRegistry:
    fill(registry, tmp_path / "source", 3)
    return registry


@pytest.mark.usefixtures("filled")
def test_events_of_all_models_the_newest_first(visit: Visitor) -> None:
    page = visit.get("/ui/activity")
    assert "grace moved production to 1.0 of task-2/model-002 reviewed" in page.words
    assert "mei registered 2.0 of task-0/model-000 trained" in page.words
    assert page.words.index("model-002") < page.words.index("model-001") < page.words.index("model-000")
    assert page.nodes < 1500
    assert page.sent_bytes < 20_000


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("address", "said", "unsaid"),
    [
        ("event=promote", "reviewed", "trained"),
        ("actor=mei", "trained", "reviewed"),
        ("q=model-001+reviewed", "model-001", "model-002"),
        ("since=2020-01-01", "trained", "No event matches"),
        ("until=2020-01-01", "No event matches", "trained"),
    ],
)
def test_filters_are_addresses(visit: Visitor, address: str, said: str, unsaid: str) -> None:
    page = visit.get(f"/ui/activity?{address}")
    assert said in page.words
    assert unsaid not in page.words
    (same,) = [link for link in page.links if link.startswith("/v1/history")]
    told = visit.client.get(same).json["events"]  # type: ignore[index]
    assert len(told) == page.text.count('class="what"')


def test_pages_lead_to_older_events(registry: ModelRegistry, visit: Visitor, tmp_path: Path) -> None:
    fill(registry, tmp_path / "source", 1)
    for number in range(ROWS):
        registry.tag("task-0", "model-000", "1.0", "n", number)
    page = visit.get("/ui/activity")
    assert "registered" not in page.words.partition("Show")[2]
    (older,) = [link for link in page.links if "before=" in link]
    rest = visit.get(unescape(older))
    assert "mei registered 1.0" in rest.words
    assert "/ui/activity" in rest.links


def test_an_open_page_is_told_how_much_is_new(filled: ModelRegistry, visit: Visitor) -> None:
    page = visit.get("/ui/activity")
    (asks,) = [unescape(part.partition('"')[0]) for part in page.text.split('data-poll="')[1:]]
    assert "new event" not in visit.client.get(asks).text
    filled.tag("task-0", "model-000", "1.0", "k", "v")
    assert "1 new event<" in visit.client.get(asks).text
    for number in range(MOST_NEW):
        filled.tag("task-0", "model-000", "1.0", "k", number)
    told = visit.client.get(asks).text
    assert f"{MOST_NEW} new events or more" in told
    assert 'id="news"' in told
    assert asks.replace("&", "&amp;") in told


@pytest.mark.usefixtures("filled")
def test_an_older_or_filtered_page_asks_for_nothing(visit: Visitor) -> None:
    assert "data-poll" not in visit.get("/ui/activity?event=promote").text


def test_a_registry_where_nothing_has_happened(visit: Visitor) -> None:
    assert "Nothing has happened yet" in visit.get("/ui/activity").words


def test_whoever_may_see_some_models_sees_their_events_alone(filled: ModelRegistry, tmp_path: Path) -> None:
    filled.register("celltype", "cells", "1.0", tmp_path / "source", actor="ada")
    required(filled)
    visit = signed_in(filled, "reader")
    page = visit.get("/ui/activity")
    assert "celltype/cells" in page.words
    assert "task-0" not in page.text
    (asks,) = [unescape(part.partition('"')[0]) for part in page.text.split('data-poll="')[1:]]
    filled.tag("task-0", "model-000", "1.0", "k", "v")
    assert "new event" not in visit.client.get(asks).text

"""All models and what happens to them, in a real browser: found, sorted, and heard of while the page is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ..app.pages.a_model import MODEL, TASK
from ..app.pages.filling import fill
from .seeing import Eyes


@pytest.fixture
def many(registry: ModelRegistry, tmp_path: Path) -> ModelRegistry:
    fill(registry, tmp_path / "many", 4)
    return registry


def _first(eyes: Eyes) -> str:
    return eyes.find(".models tbody th a").text


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("scripts", [True, False])
def test_a_model_is_found(eyes: Eyes, plain: Eyes, scripts: bool) -> None:
    person = eyes if scripts else plain
    person.go("/ui/")
    assert _first(person) == "model-003"
    person.find("#sort option[value=name]").click()
    if not scripts:
        person.press("Sort", ".order")
    person.reach("sort=name")
    assert _first(person) == "model-000"
    person.press("task-0", ".facets")
    person.reach("task=task-0")
    person.press("Not yet", ".facets")
    person.find(".head", "1 model")
    assert _first(person) == "model-000"
    person.press("Any", ".facets")
    person.find(".head", "2 models")
    person.go("/ui/")
    person.type("#q", "number 2\n")
    person.find(".head", "1 model")
    person.press("model-002", ".models")
    person.reach("^/ui/models/task-2/model-002$")


def test_an_open_page_hears_of_what_happens(eyes: Eyes, registry: ModelRegistry) -> None:
    eyes.go("/ui/activity")
    eyes.find("main", "grace")
    registry.promote(TASK, MODEL, "staging", "1.0.0", actor="hana", reason="a look at it")
    eyes.find("#news", "1 new event")
    assert "hana" not in eyes.find("main").text
    eyes.press("1 new event", "#news")
    eyes.find("main", "hana")


def test_who_put_the_present_version_there_why_and_what_it_replaced_is_two_clicks_away(
    eyes: Eyes, registry: ModelRegistry
) -> None:
    registry.promote(TASK, MODEL, "production", "2.0.0", actor="hana", reason="better on held-out donors")
    eyes.go("/ui/")
    eyes.press(MODEL, ".models")
    text = eyes.find("main", "better on held-out donors").text
    for said in ("hana", "2.0.0", "1.0.0"):
        assert said in text

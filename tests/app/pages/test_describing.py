"""Tags and the description are changed, and what somebody else changed meanwhile is never overwritten unseen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app.pages.describing import read, written
from registry_core import ModelRegistry

from .a_model import MODEL, PAGE, TASK, register
from .visiting import OURS, Page, Visitor

FORM = f"{PAGE}/versions/2.0.0/describe"
TAGS = {"tissue": "blood", "donors": 8, "public": True, "batch": "7"}
FIELD = re.compile(r'name="(key|value|was_value)" value="([^"]*)"')


@pytest.fixture(autouse=True)
def model(registry: ModelRegistry, tmp_path: Path) -> None:
    register(registry, tmp_path)
    registry.patch(TASK, MODEL, "2.0.0", description="of healthy donors", tags=TAGS)


def said(registry: ModelRegistry) -> tuple[dict[str, Any], str | None]:
    found = registry.show(TASK, f"{MODEL}@2.0.0")
    return found.tags, found.description


def send(visit: Visitor, page: Page, status: int = 303, *, description: str | None = None, **tags: str) -> TestResponse:
    """The form of the page, as it stands but for the description and these tags."""
    form = page.form("Save").fields
    rows = [(name, value.replace("&#34;", '"')) for name, value in FIELD.findall(page.text)]
    keys = [value for name, value in rows if name == "key"]
    fields = MultiDict({name: form[name] for name in ("was", "description", "reason")} | {"who": "ada"})
    if description is not None:
        fields["description"] = description
    new = [tag for tag in tags if tag not in keys]
    at = {tag: keys.index(tag) for tag in tags if tag in keys}
    at |= {tag: [place for place, key in enumerate(keys) if not key][place] for place, tag in enumerate(new)}
    seen = {"key": 0, "value": 0, "was_value": 0}
    by_place = {place: tag for tag, place in at.items()}
    for name, value in rows:
        tag = by_place.get(seen[name])
        seen[name] += 1
        fields.add(name, value if tag is None or name == "was_value" else tag if name == "key" else tags[tag])
    answer = visit.client.post(FORM, data=fields, headers=OURS)
    assert answer.status_code == status, Page(answer.text).words
    return answer


def test_only_what_was_changed_is_sent(visit: Visitor, registry: ModelRegistry) -> None:
    answer = send(visit, visit.get(FORM), donors="9", organ="12.5", tissue="")
    assert said(registry) == ({"donors": 9, "public": True, "batch": "7", "organ": 12.5}, "of healthy donors")
    assert registry.history(TASK, MODEL).events[-1].set == {"tags": {"donors": 9, "organ": 12.5, "tissue": None}}
    page = visit.follow(answer)
    assert "Done. ada described 2.0.0" in page.words
    assert FORM in page.links


def test_a_description_is_set_and_taken_away(visit: Visitor, registry: ModelRegistry) -> None:
    send(visit, visit.get(FORM), description="two\r\nlines")
    assert said(registry) == (TAGS, "two\nlines")
    send(visit, visit.get(FORM), description="")
    assert said(registry) == (TAGS, None)


def test_what_somebody_else_changed_is_told_and_not_overwritten(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(FORM)
    registry.patch(TASK, MODEL, "2.0.0", tags={"donors": 12}, description="of all donors", actor="lin")
    page = Page(send(visit, shown, 422, donors="9", description="of some donors").text)
    assert "Nothing was changed. Somebody has changed the tag 'donors' and the description" in page.words
    assert "now: 12" in page.words
    assert "now: of all donors" in page.words
    assert page.form("Save").fields["description"] == "of some donors"
    assert said(registry) == ({**TAGS, "donors": 12}, "of all donors")
    send(visit, page)
    assert said(registry) == ({**TAGS, "donors": 9}, "of some donors")


def test_other_tags_of_somebody_else_are_left_alone(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(FORM)
    registry.patch(TASK, MODEL, "2.0.0", tags={"public": False, "new": 1})
    send(visit, shown, donors="9")
    assert said(registry)[0] == {**TAGS, "public": False, "new": 1, "donors": 9}


def test_nothing_to_change_is_no_event(visit: Visitor, registry: ModelRegistry) -> None:
    before = len(registry.history(TASK, MODEL).events)
    send(visit, visit.get(FORM), 422)
    assert len(registry.history(TASK, MODEL).events) == before


def test_what_the_registry_refuses_keeps_what_was_typed(visit: Visitor, registry: ModelRegistry) -> None:
    page = Page(send(visit, visit.get(FORM), 422, **{"donors": "x" * 5000}).text)
    assert "Nothing was changed." in page.words
    assert "x" * 5000 in page.text
    assert said(registry)[0] == TAGS


@given(st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    text = written(value)
    assert text == text.strip() != ""
    assert text.isprintable() or not isinstance(value, str)
    found = read(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "[1]", "{}", "null", "blood", '"'])
def test_what_is_no_number_is_text(text: str) -> None:
    assert read(text) == text


def test_a_value_that_is_nested_without_end_is_text() -> None:
    assert read("[" * 100_000) == "[" * 100_000

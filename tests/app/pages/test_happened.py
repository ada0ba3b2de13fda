"""After a change a page says what happened, its number in the journal, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import ModelRegistry

from .a_model import MOVE, PAGE, production, promoted
from .visiting import Visitor


@pytest.fixture(autouse=True)
def model(registry: ModelRegistry, tmp_path: Path) -> None:
    promoted(registry, tmp_path)


def test_a_promote_is_an_event_and_can_be_taken_back(visit: Visitor, registry: ModelRegistry) -> None:
    answer = visit.press(visit.get(f"{PAGE}/promote"), MOVE, reason="better\r\nby far", who="Ádám")
    assert answer.headers["Location"] == f"{PAGE}?done=5"
    now = production(registry)
    assert now is not None
    assert (now.version, now.actor, now.reason, now.seq) == ("2.0.0", "Ádám", "better\nby far", 5)
    page = visit.follow(answer)
    assert "Done. Ádám moved production from 1.0.0 to 2.0.0" in page.words
    assert "Event 5" in page.words
    (undo,) = [link for link in page.links if "/rollback" in link and "to=1.0.0" in link]
    back = visit.get(undo)
    assert back.form("Roll production back from 2.0.0 to 1.0.0").fields["who"] == "Ádám"
    visit.press(back, "Roll production back", reason="it was not")
    now = production(registry)
    assert now is not None
    assert (now.version, now.seq) == ("1.0.0", 6)


def test_an_alias_is_removed_and_brought_back(visit: Visitor, registry: ModelRegistry) -> None:
    answer = visit.press(visit.get(f"{PAGE}/unalias"), "Remove production from 1.0.0", reason="no more")
    assert production(registry) is None
    page = visit.follow(answer)
    (undo,) = [link for link in page.links if "/promote" in link and "version=1.0.0" in link]
    visit.press(visit.get(undo), "Let production name 1.0.0", reason="after all")
    assert production(registry) is not None


def test_hostile_words_are_words(visit: Visitor, registry: ModelRegistry) -> None:
    hostile = "<script>alert(1)</script>\"'{{7*7}}"
    answer = visit.press(visit.get(f"{PAGE}/promote"), MOVE, reason=hostile, who=hostile)
    page = visit.follow(answer)
    assert hostile in page.words
    assert "<script>alert" not in page.text
    assert hostile in visit.get(f"{PAGE}/promote?version=1.1.0").form("Move production").fields["who"]


def test_an_event_that_is_not_there_is_not_told(visit: Visitor) -> None:
    for seq in ("", "0", "99", "-1", "four", "²", "9" * 40):
        assert "Done." not in visit.get(f"{PAGE}?done={seq}").words


def test_an_earlier_event_is_told_with_what_takes_it_back_now(visit: Visitor, registry: ModelRegistry) -> None:
    page = visit.get(f"{PAGE}?done=4")
    assert "Done. grace moved production to 1.0.0 the first" in page.words
    assert [link for link in page.links if "/unalias" in link]  # there was none before


def test_whoever_may_not_take_it_back_has_no_link(visiting: Callable[..., Visitor]) -> None:
    assert "Take it back" not in visiting(ui="readonly").get(f"{PAGE}?done=4").words

"""Boxes in columns, and lines from each to what was made of it."""

from __future__ import annotations

import pytest

from app.pages.svg import Box, lineage

from . import NASTY, nodes, of_class, read, texts

PARENT, DATA = Box("p", 0, "1.0", "2026-01-01", "/p"), Box("d", 0, "dvc:atlas", "dataset", None, "thing")
ITSELF = Box("v", 1, "2.0", "production", None, "now")


def test_columns_stand_beside_each_other_and_lines_go_to_the_right() -> None:
    drawn = read(lineage([PARENT, DATA, ITSELF], [("p", "v"), ("d", "v"), ("p", "v")], "2.0 was made of 1.0"))
    lefts = [one.get("x") for one in drawn.iter("rect")]
    assert lefts == ["2", "2", "206"]
    assert len(of_class(drawn, "edge")) == 2
    assert texts(drawn) == ["1.0", "2026-01-01", "dvc:atlas", "dataset", "2.0", "production"]
    assert (drawn.get("role"), drawn.get("aria-label")) == ("group", "2.0 was made of 1.0")
    assert [one.get("href") for one in drawn.iter("a")] == ["/p"]


def test_without_boxes_nothing_is_drawn() -> None:
    assert lineage([], [("a", "b")], "none") == ""


def test_a_line_that_leads_nowhere_backwards_or_to_itself_is_left_out() -> None:
    drawn = read(lineage([PARENT, ITSELF], [("p", "gone"), ("v", "p"), ("v", "v")], "none"))
    assert not of_class(drawn, "edge")


def test_of_a_hundred_children_the_first_are_drawn_and_how_many_more_there_are() -> None:
    children = [Box(f"c{n}", 2, f"3.{n}", href=f"/{n}") for n in range(100)]
    drawn = read(lineage([ITSELF, *children], [("v", one.key) for one in children], "many"))
    assert texts(drawn)[-1] == "+93"
    assert len(of_class(drawn, "edge")) == 7
    assert nodes(drawn) < 60


def test_a_box_that_is_named_twice_is_drawn_once_and_columns_may_have_any_number() -> None:
    drawn = read(lineage([PARENT, PARENT, Box("v", 40, "2.0"), Box("p", 50, "1.0")], [("p", "v")], "twice"))
    assert [one.get("x") for one in drawn.iter("rect")][:2] == ["2", "206"]


def test_what_is_cut_is_told_to_whoever_points_at_it() -> None:
    drawn = read(lineage([Box("c", 0, "d" * 40, "code")], [], "long"))
    assert [one.text for one in drawn.iter("title")] == ["d" * 40 + " code"]
    assert texts(drawn)[0] == "d" * 18 + "…"


@pytest.mark.parametrize("text", NASTY)
def test_hostile_names_are_text(text: str) -> None:
    read(lineage([Box(text, 0, text, text, text, text), Box("b", 1, text)], [(text, "b")], text))

"""A line of values within a line of text."""

from __future__ import annotations

import math

import pytest

from app.pages.svg import spark

from . import NASTY, nodes, read


def test_it_ends_with_a_dot_on_the_last_value() -> None:
    drawn = read(spark([1, 3, 2], "rises"))
    line, dot = drawn
    assert line.attrib["d"] == "M4 18L44 4L84 11"
    assert (dot.get("cx"), dot.get("cy")) == ("84", "11")
    assert (drawn.get("role"), drawn.get("aria-label")) == ("img", "rises")


@pytest.mark.parametrize("values", [[], [None], [math.nan, math.inf]])
def test_without_a_number_nothing_is_drawn(values: list[float | None]) -> None:
    assert spark(values, "none") == ""


@pytest.mark.parametrize("values", [[1], [1, 1, 1], [1, math.nan], [-1.7e308, 1.7e308], [5e-324, 0]])
def test_what_can_be_drawn_lies_inside(values: list[float]) -> None:
    drawn = read(spark(values, "some"))
    places = [tuple(map(float, step.split())) for step in drawn[0].attrib["d"][1:].split("L")]
    assert all(4 <= x <= 84 and 4 <= y <= 18 for x, y in places)


def test_of_many_values_there_are_three_nodes() -> None:
    drawn = read(spark([math.sin(n) for n in range(5000)], "many"))
    assert nodes(drawn) == 3
    assert drawn[0].attrib["d"].count("L") < 300


@pytest.mark.parametrize("text", NASTY)
def test_a_hostile_sentence_is_text(text: str) -> None:
    read(spark([1, 2], text))

"""What drawings share: what is escaped, which ticks there are, which of many points stay."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.svg.drawing import (
    MOST_POINTS,
    chosen,
    element,
    number,
    percent,
    short,
    shown,
    spread,
    tick_texts,
    ticks,
    within,
)

from . import NASTY, read

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("text", NASTY)
def test_nothing_that_is_given_becomes_an_element_or_an_attribute(text: str) -> None:
    made = read(element("g", element("text", text), aria_label=text))
    assert [one.tag for one in made.iter()] == ["g", "text"]
    assert made.attrib == {"aria-label": shown(text)}
    assert (made[0].text or "") == shown(text)


def test_what_is_none_is_left_out_and_names_become_those_of_the_format() -> None:
    assert element("rect", class_="a", aria_hidden="true", rx=None) == '<rect class="a" aria-hidden="true"></rect>'


@given(st.text())
def test_what_is_shown_can_be_sent_and_does_not_turn_what_stands_beside_it(text: str) -> None:
    shown(text).encode()
    assert len(shown(text)) == len(text)
    assert shown(text).isprintable()


def test_text_that_is_all_right_is_shown_as_it_is() -> None:
    assert shown("модель 3.1.1 – ok") == "модель 3.1.1 – ok"
    assert shown("a\nb\u202ec") == "a b\ufffdc"


@given(st.text(max_size=40), st.integers(1, 30))
def test_a_short_text_is_no_longer_than_it_may_be(text: str, most: int) -> None:
    assert len(short(text, most)) <= most
    assert short(text, 40) == text


def test_coordinates_are_short() -> None:
    assert [number(1.0), number(1.25), number(0.04)] == ["1", "1.2", "0"]
    assert [percent(0.5), percent(1 / 3), percent(0)] == ["50%", "33.33%", "0%"]


@given(FINITE, FINITE, FINITE)
def test_a_value_lies_between_both_ends(one: float, other: float, value: float) -> None:
    low, high = min(one, other), max(one, other)
    assert 0 <= within(value, low, high) <= 1
    if high / 2 > low / 2:
        assert (within(low, low, high), within(high, low, high)) == (0, 1)


@given(FINITE, FINITE)
def test_ticks_ascend_around_all_values_and_each_has_a_text(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert all(map(math.isfinite, found)) or abs(low) > 1e307
    assert found == sorted(set(found)) or low == high
    assert 2 <= len(found) <= 8
    assert len(tick_texts(found)) == len(found)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.8617, 0.9573, ["0.850", "0.875", "0.900", "0.925", "0.950", "0.975"]),
        (0, 4, ["0", "1", "2", "3", "4"]),
        (42_049, 132_375, ["25,000", "50,000", "75,000", "100,000", "125,000", "150,000"]),
        (0.5, 0.5, ["0.45", "0.50", "0.55"]),
        (0, 0, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (1e-9, 3e-9, ["1e-09", "1.5e-09", "2e-09", "2.5e-09", "3e-09"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, said: list[str]) -> None:
    assert tick_texts(ticks(low, high)) == said


@given(st.lists(FINITE, min_size=1, max_size=2000), st.sets(st.integers(0, 400)))
def test_of_many_values_the_ends_the_extremes_and_the_kept_ones_are_drawn(values: list[float], kept: set[int]) -> None:
    kept = {place for place in kept if place < len(values)}
    found = chosen(values, kept)
    assert found == sorted(set(found))
    assert len(found) <= MOST_POINTS
    assert {0, len(values) - 1} <= set(found)
    assert set(sorted(kept)[-(MOST_POINTS // 3) :]) <= set(found)
    assert {min(values), max(values)} <= {values[place] for place in found}


@given(st.integers(1, 500), st.integers(1, 12))
def test_places_are_spread_from_the_first_to_the_last(count: int, most: int) -> None:
    found = spread(count, most)
    assert len(found) <= most
    assert found[-1] == count - 1
    assert most < 2 or found[0] == 0

"""What stood from when to when: rows, blocks, the line at a moment, and the moments below."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.svg import Block, Row, strip
from app.pages.svg.strip import LETTER_PX, MOST_TICKS, NARROW_PX, ticks_of_time

from . import NASTY, nodes, of_class, read, texts

DAY = 86_400.0


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


START, END = moment("2026-01-20"), moment("2026-11-20")


def test_a_block_stands_where_its_time_does_and_the_last_one_stands_still() -> None:
    blocks = [
        Block(0, 25, "1.0", "1.0, ada", "/1.0"),
        Block(50, None, "2.0", "2.0, bob", "/2.0"),
    ]
    drawn = read(strip([Row("production", blocks, "production")], "production", 0, 100))
    (path,) = of_class(drawn, "blocks", "production")
    assert path.attrib["d"] == "M0 8h250v22H0zM500 8h500v22H500z"
    (stands,) = of_class(drawn, "stands")
    assert (stands.get("x"), stands.get("width")) == ("50%", "50%")
    assert texts(drawn)[-3:] == ["production", "1.0", "2.0"]
    picture, links = drawn
    assert (picture.get("role"), picture.get("aria-label")) == ("img", "production")
    assert [(one.get("href"), one.get("tabindex")) for one in links.iter("a")] == [("/1.0", "-1"), ("/2.0", "-1")]


@pytest.mark.parametrize(("rows", "end"), [([], 1), ([Row("a", [])], 0), ([Row("a", [])], -1)])
def test_without_rows_or_time_nothing_is_drawn(rows: list[Row], end: float) -> None:
    assert strip(rows, "none", 0, end) == ""


def test_a_row_without_blocks_is_there_with_its_name() -> None:
    assert "staging" in texts(read(strip([Row("staging", [])], "none", START, END)))


def test_what_lies_outside_is_cut_off_or_left_out() -> None:
    blocks = [Block(-50, -20, "a"), Block(-20, 30, "b"), Block(150, 200, "c"), Block(90, 150, "d")]
    (path,) = of_class(read(strip([Row("x", blocks)], "cut", 0, 100)), "blocks")
    assert path.attrib["d"] == "M0 8h300v22H0zM900 8h100v22H900z"


def test_what_was_before_the_first_known_move_is_not_made_up() -> None:
    drawn = read(strip([Row("latest", [Block(50, None, "2")], known_from=50)], "later", 0, 100))
    assert [one.get("width") for one in of_class(drawn, "unknown")] == ["50%"]
    assert not of_class(read(strip([Row("latest", [Block(50, None, "2")])], "all", 0, 100)), "unknown")


def test_a_moment_is_a_line_through_all_rows() -> None:
    drawn = read(strip([Row("a", []), Row("b", [])], "at", 0, 100, 25))
    line, dot = of_class(drawn, "at")
    assert (line.get("x1"), line.get("x2"), dot.get("cx")) == ("25%", "25%", "25%")
    assert {one.get("x1") for one in of_class(read(strip([Row("a", [])], "at", 0, 100, 1000)), "at")} == {"100%", None}


def test_labels_are_where_there_is_room_and_on_a_narrow_screen_where_there_is_much() -> None:
    blocks = [Block(0, 3, "1.0.0"), Block(3, 20, "1.0.1"), Block(20, 100, "1.0.2")]
    labels = of_class(read(strip([Row("a", blocks)], "labels", 0, 100)), "label")
    assert [(one.text, one.attrib["class"]) for one in labels] == [("1.0.1", "label wide"), ("1.0.2", "label")]


def test_a_thousand_moves_of_many_aliases_stay_few_nodes_and_few_bytes() -> None:
    blocks = [Block(n, n + 1 if n < 999 else None, f"1.0.{n}", f"1.0.{n}, nightly", f"/{n}") for n in range(1000)]
    text = strip([Row(f"alias-{n}", blocks) for n in range(8)], "many", 0, 1000)
    drawn = read(text)
    assert [one.attrib["d"].count("M") <= 300 for one in of_class(drawn, "blocks")] == [True] * 8
    assert nodes(drawn) <= 300
    assert len(text) <= 60_000


def test_blocks_too_narrow_to_be_told_apart_are_one() -> None:
    blocks = [Block(n / 100, (n + 1) / 100, "v") for n in range(100)]
    (path,) = of_class(read(strip([Row("a", blocks)], "narrow", 0, 1000)), "blocks")
    assert path.attrib["d"].count("M") == 1


@pytest.mark.parametrize(
    ("start", "end", "first", "count"),
    [
        ("2026-01-20", "2026-11-20", "2026-02", 10),
        ("2026-01-01T00:00", "2026-01-01T00:08", "00:00", 9),
        ("2026-01-01T10:01", "2026-01-01T14:00", "10:15", None),
        ("2026-01-01T10:01", "2026-01-06T14:00", "12:00", 11),
        ("2026-01-01T10:01", "2026-02-26T14:00", "2026-01-02", 8),
        ("2020-03-01T10:01", "2026-02-26T14:00", "2020-07", 12),
        ("0001-01-01", "9999-12-31", "0100", None),
    ],
)
def test_moments_are_round_ones(start: str, end: str, first: str, count: int | None) -> None:
    found = ticks_of_time(moment(start), moment(end))
    if count is None:
        assert 2 <= len(found) <= MOST_TICKS + 1
    else:
        assert (found[0][1], len(found)) == (first, count)


@given(st.floats(-1e12, 1e12), st.floats(0.001, 1e12))
def test_moments_ascend_and_lie_between_the_ends(start: float, span: float) -> None:
    found = [at for at, _ in ticks_of_time(start, start + span)]
    assert found == sorted(set(found))
    assert len(found) <= MOST_TICKS + 1
    assert all(start <= at <= start + span for at in found)


@pytest.mark.parametrize("text", NASTY)
def test_hostile_names_are_text(text: str) -> None:
    drawn = read(strip([Row(text, [Block(0, None, text, text, text)], known_from=-1)], text, START, END))
    assert max(map(len, (one.text or "" for one in of_class(drawn, "name")))) <= 14


def test_the_widths_of_a_path_are_numbers() -> None:
    blocks = [Block(n * 7.3, n * 7.3 + 5, "v") for n in range(100)]
    (path,) = of_class(read(strip([Row("a", blocks)], "numbers", 0, 700)), "blocks")
    assert re.fullmatch(r"(M[\d.]+ 8h[\d.]+v22H[\d.]+z)+", path.attrib["d"])


@pytest.mark.parametrize("days", [2, 12, 60, 300, 3000])
def test_moments_below_do_not_touch_where_the_screen_is_narrow(days: int) -> None:
    drawn = strip([Row("production", (Block(START, None, "1.0", "", ""),))], "", START, START + days * DAY)
    shown = [one for one in of_class(read(drawn), "tick") if "wide" not in (one.get("class") or "").split()]
    assert shown
    places = [float((one.get("x") or "").rstrip("%")) / 100 * NARROW_PX for one in shown]
    width = max(len(one.text or "") for one in shown) * LETTER_PX
    assert all(right - left >= width for left, right in itertools.pairwise(places))

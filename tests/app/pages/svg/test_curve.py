"""Lines of values: what is drawn of few, of many, of none, and of what is no number."""

from __future__ import annotations

import math
import re

import pytest

from app.pages.svg import Point, curve

from . import NASTY, nodes, of_class, read, texts


def points(*values: float | None, **more: str) -> list[Point]:
    return [Point(value, f"{n}.0", f"{n}.0: {value}", f"/versions/{n}", **more) for n, value in enumerate(values)]


def steps(drawing: object, name: str = "line") -> list[str]:
    return re.findall("[ML][^MLh]*", of_class(drawing, name)[0].attrib["d"])  # type: ignore[arg-type]


def test_values_go_from_left_to_right_and_higher_ones_stand_higher() -> None:
    drawn = read(curve([points(1, 3, 2)], "three versions"))
    places = [tuple(map(float, step[1:].split())) for step in steps(drawn)]
    assert [x for x, _ in places] == [0, 500, 1000]
    assert places[1][1] < places[2][1] < places[0][1]
    assert {"0.0", "1.0", "2.0", "3.0"} <= set(texts(drawn))


def test_whoever_does_not_see_it_reads_the_sentence_and_passes_through_no_links() -> None:
    drawn = read(curve([points(1, 2)], "accuracy of 2 versions"))
    picture, links = drawn
    assert (picture.get("role"), picture.get("aria-label")) == ("img", "accuracy of 2 versions")
    assert not list(picture.iter("a"))
    assert links.get("aria-hidden") == "true"
    assert {one.get("tabindex") for one in links.iter("a")} == {"-1"}
    assert [one.get("href") for one in links.iter("a")] == ["/versions/0", "/versions/1"]
    assert [one.text for one in links.iter("title")] == ["0.0: 1", "1.0: 2"]


@pytest.mark.parametrize("values", [(), (None,), (math.nan, math.inf, -math.inf, None)])
def test_without_a_number_nothing_is_drawn(values: tuple[float | None, ...]) -> None:
    assert curve([points(*values)], "none") == ""
    assert curve([], "none") == ""


def test_one_value_stands_in_the_middle_and_is_seen() -> None:
    drawn = read(curve([points(0.5)], "one"))
    assert of_class(drawn, "line")[0].attrib["d"] == "M500 116h0"
    assert of_class(drawn, "dots")


def test_equal_values_are_a_level_line() -> None:
    drawn = read(curve([points(7, 7, 7)], "equal"))
    assert {step.split()[1] for step in steps(drawn)} == {"116"}


def test_the_line_is_broken_where_there_is_no_number_and_a_point_alone_is_seen() -> None:
    drawn = read(curve([points(1, 2, math.nan, 3, None, 4, 5)], "gaps"))
    path = of_class(drawn, "line")[0].attrib["d"]
    assert [part.count("L") for part in path.split("M")[1:]] == [1, 0, 1]
    assert path.count("h0") == 1


@pytest.mark.parametrize("values", [(-1.7e308, 1.7e308), (5e-324, 1e-323), (1e16, 1e16 + 2), (0.0, -0.0)])
def test_numbers_at_the_ends_of_what_there_is_are_drawn_inside(values: tuple[float, ...]) -> None:
    drawn = read(curve([points(*values)], "far"))
    assert all(26 <= float(step.split()[1]) <= 206 for step in steps(drawn))


def test_what_is_in_production_has_its_own_dot_and_note_and_what_was_another() -> None:
    line = [Point(1, "a"), Point(2, "b", mark="was"), Point(3, "c", mark="now"), Point(2, "d")]
    drawn = read(curve([line], "marks", "production 3"))
    assert [of_class(drawn, "dots", mark)[0].attrib["d"].count("M") for mark in ("was", "now", "hole")] == [1, 1, 2]
    assert [one.text for one in of_class(drawn, "note")] == ["production 3"]
    assert not of_class(read(curve([line[:2]], "marks", "production 3")), "note")


def test_a_thousand_values_stay_few_nodes_and_few_bytes_and_the_marked_ones_stay() -> None:
    line = [
        Point(math.sin(n), f"v{n}", f"v{n}: {n}", "/v", "now" if n == 990 else "was" if n % 100 == 7 else "")
        for n in range(1000)
    ]
    text = curve([line], "many", "production")
    drawn = read(text)
    assert len(steps(drawn)) <= 300
    assert [of_class(drawn, "dots", mark)[0].attrib["d"].count("M") for mark in ("was", "now")] == [10, 1]
    assert nodes(drawn) <= 170
    assert len(text) <= 10_000
    assert texts(drawn)[-2] == "v999"


def test_lines_beside_each_other_share_the_room_and_have_classes_of_their_own() -> None:
    runs = [[Point(1 / (n + 1), str(n), x=n) for n in range(1000)], [Point(0.5, "0", x=0), Point(0.1, "500", x=500)]]
    drawn = read(curve(runs, "two runs"))
    first, second = of_class(drawn, "line")
    assert [one.attrib["class"] for one in (first, second)] == ["line s1", "line s2"]
    assert first.attrib["d"].count("L") < 150
    assert second.attrib["d"].split("L")[1].startswith("500.5 ")


def test_labels_do_not_stand_on_each_other_and_fewer_are_left_on_a_narrow_screen() -> None:
    line = [Point(n, f"4.0.0-179572835{n}") for n in range(9)]
    labels = of_class(read(curve([line], "long")), "label")
    assert [len(one.text or "") for one in labels] == [12] * 6
    assert len([one for one in labels if "wide" not in one.attrib["class"]]) == 2


@pytest.mark.parametrize("text", NASTY)
def test_hostile_names_are_text(text: str) -> None:
    line = [Point(1, text, text, text, text), Point(2, text, text, text, "now")]
    read(curve([line], text, text))

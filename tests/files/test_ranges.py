"""Which bytes a Range header means: every form of RFC 9110, and what is ignored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_etags

from app.web.ranges import MOST_RANGES, Part, Unsatisfiable, may_be_partial, parts, status_of_conditions

SIZE = 100


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", [Part(0, 1)]),
        ("bytes=0-", [Part(0, 100)]),
        ("bytes=99-", [Part(99, 1)]),
        ("bytes=10-19", [Part(10, 10)]),
        ("bytes=90-1000000", [Part(90, 10)]),
        ("bytes=-1", [Part(99, 1)]),
        ("bytes=-1000", [Part(0, 100)]),
        ("BYTES = 0-0", [Part(0, 1)]),
        ("bytes=0-0 , -1", [Part(0, 1), Part(99, 1)]),
        ("bytes=,0-0,,5-6,", [Part(0, 1), Part(5, 2)]),
        ("bytes=500-,3-4", [Part(3, 2)]),
        ("bytes=5-9,0-9", [Part(5, 5), Part(0, 10)]),
    ],
)
def test_what_is_meant(header: str, expected: list[Part]) -> None:
    assert parts(header, SIZE) == expected


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "bytes", "bytes=", "bytes=,", "bytes=a-b", "bytes=1", "bytes=-", "bytes=5-4", "bytes=0-1,5-4"),
        *("items=0-1", "bytes=--1", "bytes=0-1;2-3", "bytes=\u0661-", "bytes=1" + "0" * 5000 + "-", "bytes=0-,0-0"),
    ],
)
def test_what_makes_no_sense_means_the_whole(header: str | None) -> None:
    assert parts(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=200-,300-"])
def test_what_cannot_be_had(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parts(header, SIZE)


def test_of_nothing_nothing_can_be_had() -> None:
    for header in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        with pytest.raises(Unsatisfiable):
            parts(header, 0)


def test_the_number_of_ranges_is_bounded() -> None:
    def ranges(number: int) -> str:
        return "bytes=" + ",".join(f"{n}-{n}" for n in range(number))

    assert len(parts(ranges(MOST_RANGES), SIZE) or []) == MOST_RANGES
    assert parts(ranges(MOST_RANGES + 1), SIZE) is None


@given(st.text(alphabet="bytes=-,0123456789 ", max_size=30), st.integers(0, 1000))
def test_parts_lie_within_the_file_and_never_add_up_to_more(text: str, size: int) -> None:
    for header in (text, "bytes=" + text):
        try:
            found = parts(header, size)
        except Unsatisfiable:
            continue
        if found is not None:
            assert 0 < sum(part.length for part in found) <= size
            assert all(part.length > 0 and 0 <= part.start <= size - part.length for part in found)


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "status"),
    [
        ("", "", 200),
        ('"a"', "", 200),
        ('"b", "a"', "", 200),
        ("*", "", 200),
        ('"b"', "", 412),
        ('W/"a"', "", 412),
        ("", '"a"', 304),
        ("", 'W/"a"', 304),
        ("", '"b", "a"', 304),
        ("", "*", 304),
        ("", '"b"', 200),
        ('"b"', '"a"', 412),
    ],
)
def test_conditions(if_match: str, if_none_match: str, status: int) -> None:
    assert status_of_conditions(parse_etags(if_match), parse_etags(if_none_match), "a") == status


def test_conditions_on_a_file_without_an_etag() -> None:
    assert status_of_conditions(parse_etags('"a"'), parse_etags(None), None) == 412
    assert status_of_conditions(parse_etags(None), parse_etags('"a"'), None) == 200
    assert may_be_partial(None, None)
    assert not may_be_partial('"a"', None)


@pytest.mark.parametrize(
    ("if_range", "holds"), [('"a"', True), ('W/"a"', False), ("a", False), ("Tue, 24 Nov 2026 16:00:00 GMT", False)]
)
def test_if_range(if_range: str, holds: bool) -> None:
    assert may_be_partial(if_range, "a") is holds

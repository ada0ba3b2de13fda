"""A metric's key and the file that it names, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from registry_core.format.runs import encode_point, file_of, key_of, parse_point


@pytest.mark.parametrize(
    ("key", "file"),
    [
        ("loss", "loss.jsonl"),
        ("val/loss", "val%2Floss.jsonl"),
        ("f1.macro-avg_2", "f1.macro-avg_2.jsonl"),
        ("~100 %", "%7E100%20%25.jsonl"),
        ("größe", "gr%C3%B6%C3%9Fe.jsonl"),
        ("...", "....jsonl"),
    ],
)
def test_a_file_is_named_by_the_key(key: str, file: str) -> None:
    assert file_of(key) == file
    assert key_of(file) == key


@given(some.text(some.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_every_key_comes_back(key: str) -> None:
    name = file_of(key)
    assert key_of(name) == key
    assert name.isascii()
    assert "/" not in name


def test_a_file_of_older_software_may_have_the_key_as_it_is() -> None:
    assert key_of("val loss.jsonl") == "val loss"
    assert key_of("\udcff.jsonl") == "\\udcff"
    assert key_of("loss.json") is None


@given(
    some.floats(allow_nan=False, allow_infinity=False) | some.integers(-(2**70), 2**70), some.integers(-(2**63), 2**63)
)
def test_a_point_comes_back(value: float, step: int) -> None:
    line = encode_point("k", value, step, "2026-11-24T09:30:00.000000Z")
    assert line.count(b"\n") == 1
    assert parse_point(line) == {"value": value, "step": step, "ts_utc": "2026-11-24T09:30:00.000000Z"}


@pytest.mark.parametrize(
    "line", [b"", b'{"value": 1', b"[1]", b'{"step": 1}', b"\x00\x00", b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_point_is_none(line: bytes) -> None:
    assert parse_point(line) is None


def test_older_points_have_less() -> None:
    assert parse_point(b'{"value": 0.5}') == {"value": 0.5, "step": 0}

"""What people write is understood whole, or refused with the field that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.format.strict import MAX_BYTES, Strict
from registry_core.vocabulary.errors import InvalidParameter

READER = Strict("shopping list", "list", InvalidParameter)


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "list"),
        (b"\xff", "list"),
        (b'{"a": NaN}', "list"),
        (b'{"a": -Infinity}', "list"),
        (b'{"a": 1', "list"),
        (b"[" * 100_000, "list"),
        (b'{"a":' * 50_000, "list"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "list"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "c"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "\\ud800"),
        (b"{}" + b" " * MAX_BYTES, "list"),
    ],
)
def test_bytes_that_are_no_document(data: bytes, field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        READER.parse(data)
    assert refused.value.detail == {"field": field}


@pytest.mark.parametrize("value", [True, None, "1", [], float("inf"), float("nan"), 10**400, -(10**400)])
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(InvalidParameter, match="Of the shopping list a is a finite number"):
        READER.number("a", value)


@pytest.mark.parametrize(
    "read",
    [
        lambda: READER.text("a", 7),
        lambda: READER.text("a", "\ud800"),
        lambda: READER.word("a", "blue", Colour),
        lambda: READER.word("a", ["red"], Colour),
        lambda: READER.flag("a", 1),
        lambda: READER.whole_number("a", True, 0, 9),
        lambda: READER.whole_number("a", 1.0, 0, 9),
        lambda: READER.whole_number("a", 10, 0, 9),
        lambda: READER.fields("a", [], set()),
        lambda: READER.entries("a", {}, READER.text),
        lambda: READER.entries("a", ["b"], READER.text, least=2),
        lambda: READER.entries("a", ["b"], READER.text, most=0),
    ],
)
def test_what_is_wrong_is_named(read: Callable[[], object]) -> None:
    with pytest.raises(InvalidParameter) as refused:
        read()
    assert refused.value.detail == {"field": "a"}


def test_where_it_stands_is_said() -> None:
    with pytest.raises(InvalidParameter) as unknown:
        READER.fields("a[1]", {"b": 1}, {"c"})
    assert unknown.value.detail == {"field": "a[1].b"}
    with pytest.raises(InvalidParameter) as missing:
        READER.fields("list", {}, {"c"}, {"c"})
    assert missing.value.detail == {"field": "c"}
    with pytest.raises(InvalidParameter) as inside:
        READER.entries("a", ["b", 7], READER.text)
    assert inside.value.detail == {"field": "a[1]"}


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        READER.parse(data)
    except InvalidParameter as refused:
        assert refused.detail["field"]

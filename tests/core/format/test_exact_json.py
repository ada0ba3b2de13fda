"""JSON that two readers could understand in two ways is not read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.format.exact_json import MOST_CONTAINERS, MOST_LEVELS, load

REFUSED = {
    "a key twice": b'{"a": 1, "a": 1}',
    "a key twice, deep down": b'[{"b": {"a": 1, "\\u0061": 1}}]',
    "NaN": b'{"a": NaN}',
    "infinity": b"[-Infinity]",
    "a number too large to be one": b"[1e999]",
    "a number of very many digits": b"[" + b"9" * 100_000 + b"]",
    "half a character": b'["\\ud800"]',
    "half a character as a key": b'{"\\udfff": 1}',
    "not UTF-8": b'["\xff"]',
    "UTF-16": '["a"]'.encode("utf-16"),
    "deep": b"[" * (MOST_LEVELS + 1) + b"]" * (MOST_LEVELS + 1),
    "so deep that the reader gives up": b"[" * 200_000,
    "deep objects": b'{"a":' * 90_000 + b"1" + b"}" * 90_000,
    "very many objects": b"[" + b"{}," * MOST_CONTAINERS + b"1]",
    "cut off": b'{"a": ',
    "nothing": b"",
    "two values": b"{} {}",
    "a byte order mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        load(data)


def test_what_is_said_of_too_many_digits_is_not_what_python_says() -> None:
    with pytest.raises(ValueError, match=r"^a number in it is too large$"):
        load(REFUSED["a number of very many digits"])


def test_as_deep_as_allowed() -> None:
    assert load(b"[" * MOST_LEVELS + b"]" * MOST_LEVELS)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_JSON)
def test_what_python_writes_is_read(value: object) -> None:
    assert load(json.dumps(value)) == value
    assert load(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary())
def test_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        load(data)
    except ValueError:
        return

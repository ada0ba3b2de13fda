"""What JSON says of code is found however it is written, and however long and deep it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.packages.facts.bounds import HEADER_BYTES, HEADER_ITEMS, Left
from registry_core.packages.facts.file_bytes import of_bytes
from registry_core.packages.facts.json_text import fault_in_text, fault_of_config
from registry_core.packages.facts.judge import judge

LAMBDA, STEP = b'{"class_name": "Lambda"}', 256 * 1024
VOCABULARY = b'{"class_name": 1, "Lambda": 2, "auto_ma": 3, "auto": "map"}'


def load(path: str, data: bytes) -> str:
    return judge(path, of_bytes(data), Left()).load


def long(data: bytes) -> bytes:
    return b"[" + b" " * HEADER_BYTES + data + b"]"


def many(data: bytes) -> bytes:
    return b"[" + b"1," * HEADER_ITEMS + data + b"]"


def deep(data: bytes) -> bytes:
    return b"[" * 100_000 + data + b"]" * 100_000


@pytest.mark.parametrize("within", [long, many, deep])
def test_what_is_not_parsed_whole_is_looked_through(within: Any) -> None:
    assert load("architecture.json", within(LAMBDA)) == "code"
    assert load("config.json", within(LAMBDA)) == "code"
    assert load("model.json", within(b'{"auto_map": {}}')) == "code"
    assert load("vocabulary.json", within(VOCABULARY)) == "none"
    assert load("config.json", within(VOCABULARY)) == "unreadable"
    assert load("lambda.txt", within(LAMBDA)) == "none", "no reader takes it for a configuration"


def written(text: str, escaped: int, capital: int) -> bytes:
    """The text as JSON may have it: the characters whose bits are set are escapes."""
    letters = [
        (f"\\u{ord(letter):04X}" if capital >> at & 1 else f"\\u{ord(letter):04x}") if escaped >> at & 1 else letter
        for at, letter in enumerate(text)
    ]
    return f'"{"".join(letters)}"'.encode()


@given(st.integers(0, 2**10), st.integers(0, 2**10), st.text(" \t\r\n", max_size=6), st.integers(0, 130))
def test_it_is_found_however_it_is_written_and_wherever(escaped: int, capital: int, blanks: str, back: int) -> None:
    between = blanks.encode()
    key, value = written("class_name", escaped, capital), written("Lambda", escaped >> 2, capital)
    for said in (key + between + b":" + between + value, written("auto_map", escaped, capital) + between + b": 1"):
        data = b'{"a": "'.ljust(STEP - back, b"a") + b'", ' + said + b"}"
        assert fault_of_config(json.loads(data)) is not None
        assert fault_in_text(of_bytes(data)) == fault_of_config(json.loads(data))


_WORDS = st.sampled_from(["class_name", "Lambda", "auto_map", "a"])
_VALUES = st.recursive(_WORDS | st.integers(), lambda one: st.lists(one) | st.dictionaries(_WORDS, one), max_leaves=8)


@given(_VALUES, st.sampled_from([None, 1]))
def test_the_text_has_it_exactly_where_the_value_has_it(value: Any, indent: int | None) -> None:
    data = json.dumps(value, indent=indent).encode()
    assert (fault_in_text(of_bytes(data)) is None) == (fault_of_config(value) is None)

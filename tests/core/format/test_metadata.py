"""Metadata: what is accepted comes back unchanged, and what JSON or UTF-8 cannot hold is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core import InvalidMetadata
from registry_core.format.metadata import MAX_BYTES, MAX_DEPTH, check, compose, parse_packaged
from registry_core.vocabulary.texts import encode, encode_document

OWN: dict[str, str] = {"task": "t", "model_name": "m", "version": "1", "created_at": "2026-01-01T00:00:00.000000Z"}

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
objects = st.dictionaries(texts, values, max_size=5)
keys = st.sampled_from([*OWN, "dataset", "run_id", "metrics", "parent_version"])
metadata = st.dictionaries(keys | texts.filter(lambda key: key != "lineage"), values, max_size=8)


@given(objects)
@settings(max_examples=60)
def test_what_is_accepted_comes_back_unchanged(value: dict[str, Any]) -> None:
    assert check(value) is value
    for data in (encode(value), encode_document(value)):
        assert json.loads(data) == value
        data.decode()
    assert b"\n" not in encode(value)
    assert encode_document(value).endswith(b"\n")
    assert parse_packaged(encode_document(value)) == value


def inside(value: Any, wrap: str) -> Any:
    return {"dict": {"a": value}, "list": {"a": [1, value]}, "deep": {"a": [{"b": ({"c": value},)}]}}[wrap]


@pytest.mark.parametrize("wrap", ["dict", "list", "deep"])
@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, "\ud800", "a\udfffb", {"\ud800": 1}, {1: 2}, {None: 1}, b"x", {1, 2}, object(), 1j],
    ids=lambda value: type(value).__name__,
)
def test_what_json_or_utf8_cannot_hold_is_refused_with_its_place(value: Any, wrap: str) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        check(inside(value, wrap))
    assert caught.value.detail["field"].startswith("metadata.a")
    json.dumps([caught.value.message, caught.value.detail], ensure_ascii=False).encode()


@pytest.mark.parametrize("value", [None, [], "text", 1, b"{}"])
def test_metadata_is_an_object(value: Any) -> None:
    with pytest.raises(InvalidMetadata):
        check(value)


def nested(levels: int, of: str) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"a": value} if of == "objects" else {"a": [value]} if of == "mixed" else value
    return value


def test_depth_counts_the_object_itself() -> None:
    check(nested(MAX_DEPTH, "objects"))
    with pytest.raises(InvalidMetadata):
        check(nested(MAX_DEPTH + 1, "objects"))
    arrays: Any = []
    for _ in range(MAX_DEPTH - 2):
        arrays = [arrays]
    check({"a": arrays})
    with pytest.raises(InvalidMetadata):
        check({"a": [arrays]})
    with pytest.raises(InvalidMetadata):
        check(nested(100_000, "mixed"))


def test_size_is_counted_as_utf8() -> None:
    room = MAX_BYTES - len(b'{"a":""}')
    check({"a": "x" * room})
    with pytest.raises(InvalidMetadata) as caught:
        check({"a": "x" * (room + 1)})
    assert caught.value.detail["limit_bytes"] == MAX_BYTES
    with pytest.raises(InvalidMetadata):
        check({"a": "é" * (room // 2 + 1)})
    check({"a": "é" * (room // 2)})


def test_an_integer_too_long_to_write_is_refused() -> None:
    with pytest.raises(InvalidMetadata):
        check({"a": 10**5000})


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"1", b"null", b"{", b'{"a":NaN}', b'{"a":1e999}', b"\xff", b"[" * 100_000, b'"\\ud800"']
)
def test_a_packaged_document_that_is_no_storable_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidMetadata):
        parse_packaged(data)


def test_a_packaged_document_may_have_a_size_but_not_more() -> None:
    with pytest.raises(InvalidMetadata):
        parse_packaged(b'{"a":"' + b"x" * MAX_BYTES + b'"}')


@given(metadata, metadata)
@settings(max_examples=40)
def test_the_caller_wins_over_the_package_and_the_registry_over_both(
    packaged: dict[str, Any], given_: dict[str, Any]
) -> None:
    composed = compose(packaged, given_, **OWN)
    for key, value in OWN.items():
        assert composed[key] == value
    expected = {**packaged, **given_}
    for key in expected.keys() - OWN.keys():
        assert composed[key] == expected[key]
    assert composed.keys() == expected.keys() | OWN.keys() | {"lineage"}
    assert composed["lineage"] == {
        "dataset": expected.get("dataset"),
        "run_id": expected.get("run_id"),
        "metrics": expected.get("metrics", {}),
        "parent_version": expected.get("parent_version"),
    }


def test_a_lineage_that_is_brought_is_kept_and_filled_in() -> None:
    composed = compose({"lineage": {"dataset": "old", "note": "n"}}, {"run_id": "r"}, **OWN)
    assert composed["lineage"] == {
        "dataset": "old",
        "note": "n",
        "run_id": "r",
        "metrics": {},
        "parent_version": None,
    }


@pytest.mark.parametrize("lineage", ["text", 1, [], True])
def test_a_lineage_that_is_no_object_is_refused(lineage: Any) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        compose({}, {"lineage": lineage}, **OWN)
    assert caught.value.detail["field"] == "metadata.lineage"


@given(metadata)
@settings(max_examples=30)
def test_the_caller_s_objects_are_not_changed(given_: dict[str, Any]) -> None:
    packaged: dict[str, Any] = {"lineage": {"a": 1}}
    before = (json.dumps(packaged), json.dumps(given_))
    compose(packaged, given_, **OWN)
    assert (json.dumps(packaged), json.dumps(given_)) == before

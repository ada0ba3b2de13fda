"""Who and why: kept as they were said, within limits, or refused; and any bytes are a JSON object or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry_core import InvalidParameter
from registry_core.vocabulary.texts import MAX_ACTOR_CHARACTERS, MAX_REASON_CHARACTERS, check_words, parse_object

from ...support.packages import open_registry, write_files

words = st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=MAX_ACTOR_CHARACTERS)


@given(words, words)
def test_any_text_may_be_said(actor: str | None, reason: str | None) -> None:
    check_words(actor, reason)


def test_the_limits_count_characters() -> None:
    check_words("é" * MAX_ACTOR_CHARACTERS, "漢" * MAX_REASON_CHARACTERS)
    for actor, reason in (("a" * (MAX_ACTOR_CHARACTERS + 1), None), (None, "a" * (MAX_REASON_CHARACTERS + 1))):
        with pytest.raises(InvalidParameter) as caught:
            check_words(actor, reason)
        assert caught.value.detail["field"] == ("actor" if actor else "reason")


@pytest.mark.parametrize("word", ["\ud800", "a\udfff", 1, b"ada", ["ada"], True])
def test_what_is_no_text_is_refused(word: Any) -> None:
    for actor, reason in ((word, None), (None, word)):
        with pytest.raises(InvalidParameter):
            check_words(actor, reason)


def test_the_words_come_back_as_they_were_said(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    source = write_files(tmp_path / "source", {"model.pt": b"w"})
    actor, reason = 'ada "the first" \\ lovelace', "zwei\nZeilen\u2028\x00\x7f 漢字 🧬"
    registry.register("t", "m", "1", source, actor=actor, reason=reason)
    registry.promote("t", "m", "production", "1", actor=reason[:20], reason=actor)
    first, second = registry.history("t", "m").events
    assert (first.actor, first.reason) == (actor, reason)
    assert (second.actor, second.reason) == (reason[:20], actor)
    assert {alias.actor for alias in registry.list_aliases("t", "m")} == {actor, reason[:20]}
    assert registry.check().findings == []


@given(
    st.one_of(
        st.binary(),
        st.recursive(st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(
            lambda value: json.dumps(value).encode()
        ),
    )
)
@example(b"[" * 100_000)
@example(b'{"a":' * 50_000)
@example(b'{"a": ' + b"1" * 5000 + b"}")
@example(b"\xff\xfe{\x00}\x00")
def test_any_bytes_are_an_object_or_none(data: bytes) -> None:
    found = parse_object(data)
    assert found is None or isinstance(found, dict)


@pytest.mark.parametrize(("levels", "is_read"), [(100, True), (101, False), (900, False)])
def test_what_is_deeper_than_can_be_answered_is_no_object(levels: int, is_read: bool) -> None:
    for opening, closing in ((b'{"a":', b"}"), (b"[", b"]")):
        data = b'{"a":' + opening * (levels - 1) + b"1" + closing * (levels - 1) + b"}"
        assert (parse_object(data) is not None) is is_read
    assert parse_object(b'{"a": [' + b"[]," * 500 + b"1]}") is not None

"""Texts of others: the name grammar against a second implementation of it that shares no line with the first.

Who and why are kept as they were said, within limits, or refused; any bytes are a JSON object or none; and a moment has
one form, is read back in every zone, and what is no moment is None.
"""

from __future__ import annotations

import json
import re
import string
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry_core import InvalidName, InvalidParameter, InvalidRef
from registry_core.vocabulary.texts import (
    MAX_ACTOR_CHARACTERS,
    MAX_REASON_CHARACTERS,
    Ref,
    check_new_name,
    check_words,
    format_time,
    has_control,
    is_name,
    is_segment,
    is_unicode,
    list_or_empty,
    natural_order,
    parse_object,
    parse_ref,
    parse_time,
    printable,
    text_or_none,
)

from ...support.packages import open_registry, write_files

ENDS = string.ascii_letters + string.digits
INNER = ENDS + "._-"

# Mostly characters of names, so that legal and nearly legal ones are common.
near_names = st.text(st.sampled_from(INNER + "a1.-" * 4 + " /@é\n\\"), max_size=100)
forty = st.text(st.sampled_from(string.hexdigits), min_size=39, max_size=41)
any_text = st.text(st.characters(), max_size=120)  # lone surrogates included
legal = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda name: ".." not in name and "--" not in name and not name.endswith(".git")
)


def reference(value: str, *, selector: bool = False) -> bool:
    """The paragraph on names in ``docs/http.md``, one rule after the other."""
    if len(value) not in range(1, 97):
        return False
    for position, character in enumerate(value):
        at_an_end = position in (0, len(value) - 1)
        if character not in (ENDS if at_an_end else INNER):
            return False
    for first, second in pairwise(value):
        if first == second and first in ".-":
            return False
    if value[-4:] == ".git":
        return False
    is_commit = len(value) == 40 and all(character in string.hexdigits for character in value)
    return not (selector and is_commit)


@given(st.one_of(near_names, forty, legal, any_text))
@example("a")
@example("a" * 96)
@example("a" * 97)
@example("a\n")
@example("model.git")
@example("a.git.b")
@example("١")  # a digit, but not one of ours
@example("K")  # the Kelvin sign, which lower() turns into a k
@example("c0ffee00" * 5)
@example("C0FFEE00" * 5)
def test_the_grammar(value: str) -> None:
    assert is_name(value) == reference(value)
    assert is_name(value, selector=True) == reference(value, selector=True)


@given(st.one_of(near_names, forty, any_text), st.sampled_from(["task", "model_name", "version", "alias"]))
def test_a_new_name_is_the_name_itself_or_an_error_that_can_be_sent(value: str, kind: str) -> None:
    if reference(value, selector=kind in ("version", "alias")):
        assert check_new_name(kind, value) is value
        return
    with pytest.raises(InvalidName) as caught:
        check_new_name(kind, value)
    assert caught.value.detail["field"] == kind
    json.dumps([caught.value.message, caught.value.detail], ensure_ascii=False).encode()
    assert len(caught.value.message) < 1000 + 10 * 200


def test_a_name_that_is_no_text_is_refused() -> None:
    for value in (None, 1, b"a", ["a"]):
        with pytest.raises(InvalidName):
            check_new_name("version", value)  # type: ignore[arg-type]


@given(legal, legal)
def test_a_ref_comes_back_as_its_parts(model_name: str, selector: str) -> None:
    assert parse_ref(f"{model_name}@{selector}") == Ref(model_name, selector)


@given(st.one_of(any_text, st.text("a@", max_size=6)))
def test_a_ref_is_split_at_the_first_at_and_has_two_parts(text: str) -> None:
    position = text.find("@")
    if position <= 0 or position == len(text) - 1:
        with pytest.raises(InvalidRef) as caught:
            parse_ref(text)
        json.dumps(caught.value.detail, ensure_ascii=False).encode()
    else:
        assert parse_ref(text) == Ref(text[:position], text[position + 1 :])


def test_a_ref_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidRef):
        parse_ref(None)  # type: ignore[arg-type]


def control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")


def can_be_in_a_name(character: str) -> bool:
    """Any byte of a name that is no UTF-8 is one of 128 surrogates; the others stand for nothing."""
    return not 0xD800 <= ord(character) <= 0xDFFF or 0xDC80 <= ord(character) <= 0xDCFF


@given(any_text)
@example("\ud800")
@example("\udc80")
@example("")
@example(".")
@example("..")
@example("...")
@example("a/b")
@example("\x85")
@example("\u2028")
def test_a_segment_is_what_a_directory_entry_may_be(text: str) -> None:
    assert has_control(text) == any(control(character) for character in text)
    expected = text not in ("", ".", "..") and "/" not in text and not any(control(c) for c in text)
    assert is_segment(text) == (expected and all(can_be_in_a_name(c) for c in text))


@given(any_text)
def test_unicode_is_what_utf8_can_hold(text: str) -> None:
    assert is_unicode(text) == all(not 0xD800 <= ord(character) <= 0xDFFF for character in text)


@given(st.one_of(any_text, st.integers(), st.binary(), st.text(min_size=300)))
def test_what_is_printable_can_be_sent_and_is_short(value: object) -> None:
    text = printable(value)
    text.encode()
    assert len(text) <= 203 * len("\\ud800")
    if isinstance(value, str) and is_unicode(value) and len(value) <= 200:
        assert text == value


def counted(name: str) -> list[tuple[int, int]]:
    parts = re.findall("[0-9]+|[^0-9]", name)
    return [(ord("0"), int(part)) if re.fullmatch("[0-9]+", part) else (ord(part), 0) for part in parts]


@given(st.lists(st.text(alphabet="0019a.-_", max_size=8), min_size=2), st.lists(any_text))
@example(["1.10.0", "1.2.0", "1.9.0", "1.10.0-rc1", "1.02", "1.2", "10", "9", "v1", "", "0", "00"], ["9" * 300, "1"])
def test_the_natural_order_is_that_of_the_numbers(names: list[str], others: list[str]) -> None:
    found = [*names, *others]
    assert sorted(found, key=natural_order) == sorted(found, key=counted)


@pytest.mark.parametrize(("name", "is_one"), [("\udcff", True), ("größe", True), ("\ud800", False), ("a\ud800", False)])
def test_a_segment_can_be_the_name_of_a_file(name: str, is_one: bool) -> None:
    """Any bytes may be one, and a lone surrogate that stands for no byte cannot."""
    assert is_segment(name) is is_one


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


@pytest.mark.parametrize("value", [None, 1, True, b"x", {"a": "b"}])
def test_what_is_no_text_and_no_list_is_none_and_an_empty_one(value: object) -> None:
    assert text_or_none(value) is None
    assert list_or_empty(value) == []
    assert text_or_none("") == ""
    assert list_or_empty([value]) == [value]


moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(moments, st.integers(-14, 14))
def test_times_round_trip_in_every_zone(moment: datetime, hours: int) -> None:
    assert parse_time(format_time(moment)) == moment
    assert parse_time(moment.astimezone(timezone(timedelta(hours=hours))).isoformat()) == moment
    assert parse_time(moment.replace(tzinfo=None).isoformat()) == moment  # without an offset it is UTC


@given(
    st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=30), st.lists(st.integers())),
)
@example("9999-12-31T23:59:59-12:00")
@example("0001-01-01T00:00:00+12:00")
@example("2024-02-30T00:00:00Z")
def test_what_is_no_time_is_none_and_never_an_error(value: object) -> None:
    found = parse_time(value)
    assert found is None or found.tzinfo is UTC

"""The front matter of a README.md is a mapping of JSON, or nothing; whatever stands in it, nobody waits for it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.web.front_matter import MOST_FRONT_MATTER, split

from ...hub.test_card import CARD, README


def test_the_front_matter_is_what_stands_between_the_dashes() -> None:
    assert split(README)[0] == CARD
    assert split(README.replace("\n", "\r\n"))[0] == CARD
    assert split("\ufeff" + README)[0] == CARD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# A model\n---\na: 1\n---\n",
        "---\na: 1\n",
        "---\n- a\n---\n",
        "---\na: b: c\n---\n",
        "---\na: !!python/object/apply:os.system [id]\n---\n",
        "---\na: &x [1]\nb: *x\n---\n",
        "---\na: !!bool x\n---\n",
        "---\na: !!timestamp x\n---\n",
        "---\na: 2026-99-99\n---\n",
        f"---\na: {'9' * 5000}\n---\n",
        f"---\na: {'[' * 5000}\n---\n",
        f"---\na: {'x' * MOST_FRONT_MATTER}\n---\n",
        "---\n? [a]\n: b\n---\n",
    ],
)
def test_what_is_no_mapping_is_no_card(text: str) -> None:
    assert split(text)[0] == {}


def test_what_json_has_not_is_text_or_null() -> None:
    text = "---\na: .nan\nb: -.inf\nc: !!binary AAAA\nd: !!set {x}\n1: 1.0e+400\ne: 99999999999999999999\n---\n"
    assert split(text)[0] == {"a": None, "b": None, "c": None, "d": ["x"], "1": None, "e": None}


@given(st.text(alphabet="abn:-[]{}&*!?|>'\"#%@`,. \t\n01\u00e9\ud800", max_size=200))
@example("a: ! ''")
@example("a: !!int ''")
@example("a: 0x")
@example("=: =")
@example("<<: 1")
def test_any_text_is_a_card_or_none(text: str) -> None:
    """And strict JSON, for which nothing waits long."""
    json.dumps(split(f"---\n{text}\n---\n")[0], allow_nan=False)


@pytest.mark.parametrize(
    ("text", "below"),
    [
        (README, "\n# A model\n"),
        (README.replace("\n", "\r\n"), "\n# A model\r\n"),
        ("---\na: b: c\n---\nText", "\nText"),
        ("# A model\n---\na: 1\n---\n", "# A model\n---\na: 1\n---\n"),
        ("", ""),
    ],
)
def test_the_text_is_what_stands_below(text: str, below: str) -> None:
    assert split(text)[1] == below

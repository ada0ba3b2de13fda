"""Code is shown as it was written, whatever language it claims to be of, and never as more than its bounds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from app.pages.highlight import CLASSES, LANGUAGES, LONGEST_LINE, MOST_CHARACTERS, MOST_SPANS, highlighted

from .hostile import SCRIPTS, Elements


def plain_of(html: str) -> str:
    for tag, attributes in Elements(html).found:
        assert tag == "span"
        assert attributes.keys() == {"class"}
        assert attributes["class"] in CLASSES
    return Markup(re.sub(r"</?span[^>]*>", "", html)).unescape()


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@given(st.one_of(st.sampled_from(SCRIPTS), st.text(alphabet="<>&\"'{}[]()#:$=\\-+ \nabdefimport019é", max_size=120)))
def test_every_line_is_as_it_was(language: str, text: str) -> None:
    made = plain_of(highlighted(text, language))
    assert made in (text, text + "\n")


def test_words_of_the_language_are_told_apart() -> None:
    assert highlighted("def f(): return 'a' + 1  # c", "Python") == (
        '<span class="hk">def</span> <span class="hf">f</span>(): <span class="hk">return</span> '
        '<span class="hs">&#39;a&#39;</span> + <span class="hn">1</span>  <span class="hc"># c</span>\n'
    )


@pytest.mark.parametrize("language", ["", "no such", "../python", "adl", "smithy", "html+php", "c"])
def test_other_languages_are_plain(language: str) -> None:
    """Some of the library's lexers take minutes for a line; those that are used are few, and known."""
    assert highlighted("if <a> 1", language) == "if &lt;a&gt; 1"


@pytest.mark.parametrize("text", ["1\n" * MOST_CHARACTERS, "x = " + "1" * LONGEST_LINE])
def test_what_is_long_is_plain(text: str) -> None:
    assert highlighted(text, "python") == text


def test_there_are_never_more_spans_than_their_bound() -> None:
    assert highlighted("a=1\n" * 1000, "python").count("<span") == MOST_SPANS

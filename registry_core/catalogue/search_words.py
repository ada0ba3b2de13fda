"""What the catalogue takes from free JSON: its words, and a form of it that can always be kept and sent."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from ..vocabulary.finite import finite
from ..vocabulary.texts import is_unicode

MAX_WORDS_CHARACTERS = 20_000
MAX_DEPTH = 200  # of JSON; what is deeper cannot be relied on to be parsed and written again
MAX_FILTERED_CHARACTERS = 4096  # of a key or value that a filter can name
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_WORD = re.compile(r"[^\W_]+")


def split_words(text: str) -> list[str]:
    """The words of a text as the full-text search knows them: without case and accents."""
    if text.isascii():
        return _WORD.findall(text.lower())
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(sign for sign in plain if not unicodedata.combining(sign)))


def words_of(value: Any) -> str:
    """Every word of the JSON value and of its keys once, as far as there is room for them.

    Raises ``ValueError`` for JSON that is nested too deeply.
    """
    texts: list[str] = []
    _collect(value, texts, MAX_DEPTH - 1)
    words = dict.fromkeys(split_words("\n".join(texts)))
    all_of_them = " ".join(words)
    if len(all_of_them) < MAX_WORDS_CHARACTERS:
        return all_of_them
    kept: list[str] = []
    room = MAX_WORDS_CHARACTERS
    for word in words:
        room -= len(word) + 1
        if room < 0:
            break
        kept.append(word)
    return " ".join(kept)


def _collect(value: Any, found: list[str], levels: int) -> None:
    """Every text and number in the value, in its order. Called for each version there is, so that it is to be quick."""
    kind = type(value)
    if kind is str:
        found.append(value)
    elif kind is dict or isinstance(value, Mapping):
        _require_level(levels)
        for key, child in value.items():
            found.append(str(key))
            if child is not None:
                _collect(child, found, levels - 1)
    elif isinstance(value, (list, tuple)):
        _require_level(levels)
        for child in value:
            _collect(child, found, levels - 1)
    elif value is not None:
        found.append(str(value))


def _require_level(levels: int) -> None:
    if levels <= 0:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def compact_json(value: Any) -> str:
    """The value as JSON in ASCII, so that it can be kept and sent whatever its texts hold.

    Numbers that are none become null.
    """
    try:
        return _encode(value)
    except ValueError:
        return json.dumps(finite(value)[0], separators=(",", ":"))


def tag_text(value: Any) -> str:
    """A tag's value as a filter names it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_filtered(text: str) -> bool:
    """Whether a filter can name the key or value."""
    return len(text) <= MAX_FILTERED_CHARACTERS and is_unicode(text)

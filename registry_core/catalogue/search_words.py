"""What the catalogue takes from free JSON: its words, and a form of it that can always be kept and sent."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from ..vocabulary.texts import is_unicode

MAX_WORDS_CHARACTERS = 20_000
MAX_DEPTH = 200  # of JSON; what is deeper cannot be relied on to be parsed and written again
MAX_FILTERED_CHARACTERS = 4096  # of a key or value that a filter can name
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
    kept: list[str] = []
    room = MAX_WORDS_CHARACTERS
    for word in dict.fromkeys(split_words("\n".join(_texts(value)))):
        room -= len(word) + 1
        if room < 0:
            break
        kept.append(word)
    return " ".join(kept)


def _texts(value: Any) -> Iterator[str]:
    """Every text and number in the value, in its order."""
    open_ends: list[Iterator[Any]] = [iter((value,))]
    while open_ends:
        for child in open_ends[-1]:
            if isinstance(child, Mapping):
                open_ends.append(part for pair in child.items() for part in pair)
                break
            if isinstance(child, (list, tuple)):
                open_ends.append(iter(child))
                break
            if child is not None:
                yield str(child)
        else:
            open_ends.pop()
        if len(open_ends) > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def compact_json(value: Any) -> str:
    """The value as JSON in ASCII, so that it can be kept and sent whatever its texts hold.

    Numbers that are none become null.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def tag_text(value: Any) -> str:
    """A tag's value as a filter names it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_filtered(text: str) -> bool:
    """Whether a filter can name the key or value."""
    return len(text) <= MAX_FILTERED_CHARACTERS and is_unicode(text)

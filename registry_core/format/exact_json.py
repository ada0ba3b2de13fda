"""JSON that means one thing to every reader: no key twice, no number that is none, nothing deep, nothing huge."""

from __future__ import annotations

import json
import math
from typing import Any

MOST_LEVELS = 64
MOST_CONTAINERS = 250_000  # each costs many times its bytes


class Repeated(ValueError):
    """A key stands twice in one object: two readers would see two values."""

    def __init__(self, name: str) -> None:
        super().__init__("a key stands twice in one object")
        self.name = name


def load(data: bytes | str, *, halves: bool = False) -> Any:
    """The value in the text, UTF-8 where it comes as bytes. Raises ``ValueError`` saying what is wrong.

    ``halves``: whoever asks looks for halves of characters in texts, and says where one is.
    """
    text = _text(data)
    containers = text.count("{") + text.count("[")
    if containers > MOST_CONTAINERS:
        raise ValueError(f"it has more than {MOST_CONTAINERS} objects and lists")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: see line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _deep() from None
    # Nothing else writes half a character; a text without any "\\" is through soonest.
    if "\\" in text and "\\u" in text and not halves:
        _check_texts(value)
    if containers > MOST_LEVELS:
        _check_depth(value)
    return value


def _text(data: bytes | str) -> str:
    try:
        return data.decode() if isinstance(data, bytes) else data.encode().decode()
    except UnicodeError:
        raise ValueError("it is not UTF-8") from None


def _check_texts(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text in it holds half of a character") from None
    except RecursionError:
        raise _deep() from None


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MOST_LEVELS + 1):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
    raise _deep()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Repeated(name)
            seen.add(name)
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _too_large()
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # more digits than Python reads
        raise _too_large() from None


def _too_large() -> ValueError:
    return ValueError("a number in it is too large")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _deep() -> ValueError:
    return ValueError(f"it is nested deeper than {MOST_LEVELS} levels")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)

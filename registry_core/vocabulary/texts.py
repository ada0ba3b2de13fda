"""Texts of others: what is in them, also as JSON, how they can be shown, and what may be who and why in the journal."""

from __future__ import annotations

import json
import re
from typing import Any

from .errors import InvalidParameter

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def has_control(text: str) -> bool:
    """Whether a control character or a line separator is in the text."""
    return _CONTROL.search(text) is not None


def is_unicode(text: str) -> bool:
    """Whether the text can be written as UTF-8 (it holds no lone surrogate)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(value: object) -> str:
    """A short form of the value that can always be sent and logged."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > 200:
        text = text[:200] + "..."
    return escaped(text)


def escaped(text: str) -> str:
    """The text itself, but what is no valid Unicode (a file may have any bytes as its name) written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# What is deeper is damage: whoever makes an answer of it, or writes it again, would trip over it.
MOST_LEVELS = 100


def parse_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in the bytes, whatever they are; None where they hold none that can be answered."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and not _is_deep(data, value) else None


def _is_deep(data: bytes, value: dict[str, Any]) -> bool:
    if data.count(b"{") + data.count(b"[") <= MOST_LEVELS:
        return False  # as of nearly all: nothing is walked through
    level: list[Any] = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


MAX_ACTOR_CHARACTERS = 256
MAX_REASON_CHARACTERS = 4096


def check_words(actor: str | None, reason: str | None) -> None:
    """``actor`` and ``reason`` can stand in the journal. Raises ``InvalidParameter``."""
    for field, text, limit in (("actor", actor, MAX_ACTOR_CHARACTERS), ("reason", reason, MAX_REASON_CHARACTERS)):
        if text is None:
            continue
        if not isinstance(text, str) or not is_unicode(text):
            raise InvalidParameter(f"{field} is not a valid text.", field=field)
        if len(text) > limit:
            raise InvalidParameter(f"{field} has {len(text)} characters; at most {limit} are kept.", field=field)

"""JSON in files of others, within bounds, with what it says of code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .bounds import HEADER_ITEMS
from .load import Odd, PastBound


class Repeated(Odd):
    """A key stands twice in one object."""


def parse_json(data: bytes) -> Any:
    """The value; it is small. Raises ``Odd`` for what is no JSON, has a key twice, or too many values."""
    if data.count(b",") + data.count(b"[") + data.count(b"{") > HEADER_ITEMS:
        raise PastBound("its JSON has more values than are read")
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError:
        raise Odd("its JSON is nested too deep") from None
    except ValueError:
        raise Odd("it has no JSON where it should") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Repeated("its JSON has a key twice")
    return found


def _no_number(text: str) -> float:
    return float(text.replace("Infinity", "inf"))  # Python's parsers take it, so it is read on


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the value, itself included."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            yield one
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)


def fault_of_config(value: Any) -> str | None:
    """Why whoever reads such a configuration runs code of it, in words; None where nobody does."""
    for one in objects_in(value):
        if "auto_map" in one:
            return "its auto_map names code that is loaded along with it"
        if one.get("class_name") == "Lambda":
            return "it has a Keras layer of the kind Lambda, which is code"
    return None

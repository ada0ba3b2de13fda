"""JSON in files of others, within bounds, with what it says of code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .bounds import HEADER_ITEMS
from .file_bytes import FileBytes
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


_AUTO_MAP = "its auto_map names code that is loaded along with it"
_LAMBDA = "it has a Keras layer of the kind Lambda, which is code"


def fault_of_config(value: Any) -> str | None:
    """Why whoever reads such a configuration runs code of it, in words; None where nobody does."""
    for one in objects_in(value):
        if "auto_map" in one:
            return _AUTO_MAP
        if one.get("class_name") == "Lambda":
            return _LAMBDA
    return None


_WRITTEN = {b'"auto_map":': _AUTO_MAP, b'"class_name":"Lambda"': _LAMBDA}  # as it stands there without blanks
_LONGEST = max(map(len, _WRITTEN))
_BLANKS = b" \t\r\n"
_ESCAPED = re.compile(rb"\\u00([0-7][0-9A-Fa-f])")
_CUT_ESCAPE = re.compile(rb"\\(?:u(?:0(?:0[0-7]?)?)?)?\Z")
_STEP_BYTES = 256 * 1024


def fault_in_text(data: FileBytes) -> str | None:
    """As :func:`fault_of_config`, by the text alone, of JSON of any length and depth: each that has it is found.

    What only looks like it, in a text within the text, is found, too. Raises ``PastBound``, ``FetchFailed``.
    """
    seen = rest = b""
    for at in range(0, data.size_bytes, _STEP_BYTES):
        chunk = rest + data.at(at, min(_STEP_BYTES, data.size_bytes - at))
        cut = _CUT_ESCAPE.search(chunk[-5:])
        rest = chunk[cut.start() - len(chunk[-5:]) :] if cut is not None else b""
        whole = chunk[: len(chunk) - len(rest)]
        plain = _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), whole)
        seen = seen[-_LONGEST:] + plain.translate(None, _BLANKS)
        for written, fault in _WRITTEN.items():
            if written in seen:
                return fault
    return None

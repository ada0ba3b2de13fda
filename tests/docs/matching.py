"""Whether an answer is the one that a document shows.

Everything must be equal but what cannot be: ``…`` in a text stands for any characters, a moment for any
moment, and a few values only for their type.
"""

from __future__ import annotations

import json
import re
from typing import Any

MEASURED = ("duration_s", "free_bytes", "ready", "models_done", "models_total")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def differences(expected: Any, actual: Any, where: str = "answer") -> list[str]:
    """Every place where two JSON values differ; empty if ``actual`` is as shown."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        found = [f"{where}.{name} is not in the answer" for name in expected.keys() - actual.keys()]
        found += [f"{where}.{name} is not in the document" for name in actual.keys() - expected.keys()]
        for name in expected.keys() & actual.keys():
            if name in MEASURED and _kind(expected[name]) == _kind(actual[name]) is not None:
                continue
            found += differences(expected[name], actual[name], f"{where}.{name}")
        return sorted(found)
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [found for n, pair in pairs for found in differences(*pair, f"{where}[{n}]")]
    if isinstance(expected, str) and isinstance(actual, str):
        same = _pattern(expected).fullmatch(actual) is not None
    else:
        same = type(expected) is type(actual) and expected == actual
    return [] if same else [f"{where} is {actual!r}, the document shows {expected!r}"]


def text_differences(expected: str, actual: str) -> list[str]:
    """Every line that differs, spaces at line ends apart."""
    shown = [line.rstrip() for line in expected.strip("\n").splitlines()]
    found = [line.rstrip() for line in actual.strip("\n").splitlines()]
    if len(shown) != len(found):
        return [f"{len(found)} lines, the document shows {len(shown)}: {actual!r}"]
    pairs = zip(shown, found, strict=True)
    return [f"{line!r} is not {want!r}" for want, line in pairs if _pattern(want).fullmatch(line) is None]


def json_differences(expected: str, actual: str) -> list[str]:
    """As :func:`differences`, of two JSON texts."""
    try:
        return differences(json.loads(expected), json.loads(actual))
    except ValueError as error:
        return [f"not JSON ({error}): {actual!r}"]


def _kind(value: Any) -> str | None:
    """What a measured value is; None for what none is."""
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, (int, float)) else None


def _pattern(shown: str) -> re.Pattern[str]:
    parts = []
    end = 0
    for match in re.finditer(f"…|{_MOMENT.pattern}", shown):
        parts += [re.escape(shown[end : match.start()]), ".+" if match[0] == "…" else _MOMENT.pattern]
        end = match.end()
    return re.compile("".join([*parts, re.escape(shown[end:])]), re.DOTALL)

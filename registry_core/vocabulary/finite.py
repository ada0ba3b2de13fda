"""JSON has no NaN and no infinity; documents of older software do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

MOST_NAMED = 20


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether it is a finite number; true and false are none, nor is a whole one that no float can be near."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def finite(value: Any) -> tuple[Any, list[str]]:
    """The value with null for each number that JSON does not have, and a sentence naming the places, if there are any.

    Of lists and dictionaries, however deep; anything else is given back as it is.
    """
    places: list[str] = []
    mended = _mended(value, "", places)
    if not places:
        return value, []
    named = ", ".join(places[:MOST_NAMED])
    more = f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
    return mended, [f"null stands for a number that JSON does not have (NaN or infinite): {named}{more}."]


def _mended(value: Any, place: str, places: list[str]) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        places.append(place or "the value")
        return None
    if isinstance(value, Mapping):
        return {_key(name): _mended(part, f"{place}.{name}".lstrip("."), places) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(part, f"{place}[{at}]", places) for at, part in enumerate(value)]
    return value


def _key(name: Any) -> Any:
    return str(name) if isinstance(name, float) and not math.isfinite(name) else name

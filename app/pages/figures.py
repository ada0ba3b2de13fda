"""Values as persons read them: pure functions, and filters of the templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeGuard

from registry_core import parse_time

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_AGES = ((60, "s"), (3600, "min"), (86_400, "h"), (60 * 86_400, "d"), (2 * 365 * 86_400, "mo"))
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "mo": 30.44 * 86_400, "y": 365.25 * 86_400}
DIGITS = 4  # behind the point of a metric
_MOST = 1e300  # a whole number may be larger than what is reckoned with
MINUS = "\N{MINUS SIGN}"


def ago(text: Any, now: datetime) -> tuple[int, str] | None:
    """(how many, of which unit): of ``s min h d mo y``, none of them negative; None where it is no time."""
    then = parse_time(text)
    if then is None:
        return None
    seconds = max(0.0, (now - then).total_seconds())
    unit = next((unit for limit, unit in _AGES if seconds < limit), "y")
    return int(seconds // _SECONDS[unit]), unit


def when(text: Any) -> str:
    """To the minute, in UTC; what is no time as it stands."""
    found = parse_time(text)
    return str(text or "") if found is None else f"{found:%Y-%m-%d %H:%M}"


def size(count: float | None) -> str:
    """Bytes in units of a thousand."""
    if count is None:
        return ""
    left, unit = float(count), 0
    while left >= 999.95 and unit < len(_UNITS) - 1:
        left, unit = left / 1000, unit + 1
    return f"{int(left)} {_UNITS[0]}" if unit == 0 else f"{left:.1f} {_UNITS[unit]}"


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether it is one; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Any) -> str:
    """A metric: whole numbers as counts, others to four digits behind the point; anything else as text."""
    if not is_number(value):
        return "" if value is None else str(value)
    if isinstance(value, int) and abs(value) > _MOST:
        return f"≥{_MOST:.0e}" if value > 0 else f"≤{MINUS}{_MOST:.0e}"
    if isinstance(value, int) or value.is_integer():
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.4g}"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:,.{DIGITS}f}"
    return f"{value:.4g}"


def difference(value: Any, base: Any) -> str:
    """By how much the value is more than the base, with its sign; empty where either is no number."""
    if not (is_number(value) and is_number(base)):
        return ""
    if max(abs(value), abs(base)) > _MOST:
        return ""
    found = value - base
    if found == 0:
        return "0"
    return f"{'+' if found > 0 else MINUS}{number(abs(found))}"


def short(digest: str | None, characters: int = 12) -> str:
    """The first digits of a digest, without what it was made with."""
    found = (digest or "").rpartition(":")[2]
    return f"{found[:characters]}…" if len(found) > characters else found


FILTERS: dict[str, Callable[..., str]] = {
    "when": when,
    "size": size,
    "number": number,
    "difference": difference,
    "short": short,
}

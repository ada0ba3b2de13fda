"""Moments: RFC 3339 in UTC, written and read, and never running backwards."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from .errors import InvalidParameter
from .texts import printable

_BEGAN_S = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


def steady_s() -> float:
    """What time it is, in seconds since 1970; a clock that jumps ahead while this process runs is not followed.

    To tell what is old enough to be removed: too early is safe, and too late is not.
    """
    return min(time.time(), _BEGAN_S + time.clock_gettime(time.CLOCK_BOOTTIME))


def later_than(previous: Any, now: datetime) -> str:
    """``now`` as RFC 3339 in UTC with microseconds, or just after ``previous`` if that is later."""
    before = parse_time(previous)
    if before is not None and now <= before:
        # A line that claims the end of time must not stop the model: from there on times stand still.
        now = before + min(timedelta(microseconds=1), _LAST_MOMENT - before)
    return format_time(now)


def format_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: Any) -> datetime | None:
    """The moment in UTC, or None if the text is no time. A time without an offset is UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# In a query string the plus of an offset arrives as a blank.
_BLANK_OFFSET = re.compile(r"(T[0-9:.,]+) (\d\d:?\d\d)")


def parse_moment(when: str | datetime) -> datetime:
    """The moment in UTC; a text is an RFC 3339 time. Without an offset it is UTC already.

    Raises ``InvalidParameter``.
    """
    text = when.isoformat() if isinstance(when, datetime) else when
    moment = parse_time(_BLANK_OFFSET.sub(r"\1+\2", text.strip().upper()) if isinstance(text, str) else text)
    if moment is None:
        raise InvalidParameter(
            f"{printable(text)!r} is not a time. Write it as in RFC 3339, for example 2026-11-24T09:30:00Z.",
            field="as_of",
        )
    return moment

"""Which bytes of a file a request wants (RFC 9110, sections 13 and 14). Decisions only; nothing is read here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from werkzeug.datastructures import ETags

MOST_RANGES = 32  # deploy/nginx.conf has the same number
_RANGES = re.compile(r"\s*bytes\s*=(.*)", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"(\d{0,18})\s*-\s*(\d{0,18})", re.ASCII)


@dataclass(frozen=True)
class Part:
    """``length`` bytes from ``start`` on; never empty."""

    start: int
    length: int

    def content_range(self, size_bytes: int) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{size_bytes}"


class Unsatisfiable(Exception):
    """None of the ranges has a byte of the file in it."""


def parts(header: str | None, size_bytes: int) -> list[Part] | None:
    """The parts that a ``Range`` header names; None: the whole file is the answer.

    A header that makes no sense is as good as none, and so is one that asks for more ranges than is sensible or
    for more bytes than there are. Raises ``Unsatisfiable``.
    """
    match = _RANGES.fullmatch(header or "")
    if match is None:
        return None
    specs = [spec for spec in (text.strip() for text in match[1].split(",")) if spec]
    if not 0 < len(specs) <= MOST_RANGES:
        return None
    found = []
    for spec in specs:
        bounds = _RANGE.fullmatch(spec)
        if bounds is None or not (bounds[1] or bounds[2]):
            return None
        first = int(bounds[1]) if bounds[1] else max(0, size_bytes - int(bounds[2]))
        last = int(bounds[2]) if bounds[1] and bounds[2] else size_bytes - 1
        if bounds[1] and bounds[2] and last < first:
            return None
        last = min(last, size_bytes - 1)
        if first <= last:
            found.append(Part(first, last - first + 1))
    if not found:
        raise Unsatisfiable
    return found if sum(part.length for part in found) <= size_bytes else None


def status_of_conditions(if_match: ETags, if_none_match: ETags, etag: str | None) -> int:
    """200, or 412 or 304 as ``If-Match`` and ``If-None-Match`` demand. ``etag`` has no quotes; None: there is none."""
    if if_match and not if_match.star_tag and not (etag is not None and if_match.contains(etag)):
        return 412
    if if_none_match and (if_none_match.star_tag or (etag is not None and if_none_match.contains_weak(etag))):
        return 304
    return 200


def is_unmodified(since: datetime | None, dated: datetime, now: datetime) -> bool:
    """Whether the client's file, of the date ``since``, is still the one: a date that is yet to come says nothing."""
    return since is not None and dated <= since <= now


def may_be_partial(if_range: str | None, etag: str | None) -> bool:
    """Whether a ``Range`` holds: the client's other bytes are of this very file."""
    return if_range is None or (etag is not None and if_range.strip() == f'"{etag}"')

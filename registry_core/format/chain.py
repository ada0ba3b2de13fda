"""The lines of a journal: how each is written and read, and how it is chained to all before it.

A line of ours has ``seq`` and ``prev``; a line without them was written by older software
(:mod:`registry_core.format.older`) and stays as it is. ``prev`` is the SHA-256, in hex with its prefix, of
the line before without its newline; where the line before is not ours, it is the SHA-256 of all bytes
before, each line with its newline. So no line, ours or older, can change without breaking a later ``prev``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..vocabulary.answers import Event
from ..vocabulary.texts import digest, format_time, parse_time
from . import older
from .events import FIELDS, OF_A_VERSION, PRIVATE, REPAIR, Field

# Fields of later software are shown down to this depth, which no answer's encoder trips over.
MOST_LEVELS = 32
_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
_NO_NAMES: Mapping[str, str] = {}
_SHOWN = {field.name: field for field in FIELDS if not field.is_private}


@dataclass(frozen=True)
class Line:
    """One record. ``fields`` is None where the bytes are not a JSON object, or claim to be an event and are none."""

    seq: int
    raw: bytes
    fields: dict[str, Any] | None

    @property
    def is_own(self) -> bool:
        """Whether this software wrote it (it takes part in the chain)."""
        fields = self.fields or {}
        return isinstance(fields.get("seq"), int) and isinstance(fields.get("prev"), str)

    def is_of(self, names: Mapping[str, Any]) -> bool:
        """Whether the line, if it is ours, is about what bears the names, as all in its journal are."""
        return not self.is_own or all(self.get(name) == value for name, value in names.items())

    def get(self, name: str) -> Any:
        return (self.fields or {}).get(name)

    def event(self) -> Event:
        """The line as readers are shown it, whatever software wrote it."""
        fields = self.fields or {}
        shown: dict[str, Any] = dict.fromkeys(_SHOWN)
        more = {}
        for name, value in fields.items():
            if name in _SHOWN and _fits(value, _SHOWN[name]):
                shown[name] = value
            elif name not in PRIVATE and _can_be_answered(value, MOST_LEVELS):
                more[name] = value
        # The place in the journal, whatever the line says.
        return Event(**{**shown, "seq": self.seq, "event": older.kind_of(fields)}, more=more or None)


def _fits(value: Any, field: Field) -> bool:
    if value is None:
        return True
    if field.type is str:  # a text is shown whatever stands in its place, as it always was
        return isinstance(value, float) or _can_be_answered(value, MOST_LEVELS)
    if isinstance(value, list) and field.type is list:
        return all(isinstance(one, field.parts) for one in value) and _can_be_answered(value, MOST_LEVELS)
    return isinstance(value, field.type)


def _can_be_answered(value: Any, levels: int) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is None or (levels > 0 and all(_can_be_answered(one, levels - 1) for one in inner))


def parse_line(seq: int, raw: bytes) -> Line:
    """The record as a line; never raises."""
    line = Line(seq, raw, _object(raw))
    return Line(seq, raw, None) if line.is_own and not _is_event(line.fields or {}) else line


def why_no_event(raw: bytes) -> str:
    """What is wrong with a line that has no fields."""
    return "the line is not a JSON object" if _object(raw) is None else "the line claims to be an event, and is none"


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_event(fields: dict[str, Any]) -> bool:
    """Whether what says that it is ours has what is gone by: all that is written has, later software's kinds too."""
    kind, version, attempt = fields.get("event"), fields.get("version"), fields.get("attempt")
    if not isinstance(kind, str) or not (attempt is None or isinstance(attempt, str)):
        return False
    return isinstance(version, str) or (version is None and kind not in OF_A_VERSION and fields.get("set") is None)


def next_record(last: Line | None, prefix_digest: str, fields: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The event that follows ``last``: numbered, chained, and later than it whatever the clock says.

    ``prefix_digest`` is the digest of all bytes so far; it is used where ``last`` is not ours.
    """
    seq = last.seq + 1 if last else 1
    prev = digest(last.raw) if last is not None and last.is_own else prefix_digest
    return {"seq": seq, **fields, "ts_utc": later_than(last.get("ts_utc") if last else None, now), "prev": prev}


def later_than(previous: Any, now: datetime) -> str:
    """``now`` as RFC 3339 in UTC with microseconds, or just after ``previous`` if that is later."""
    before = parse_time(previous)
    if before is not None and now <= before:
        # A line that claims the end of time must not stop the model: from there on times stand still.
        now = before + min(timedelta(microseconds=1), _LAST_MOMENT - before)
    return format_time(now)


@dataclass(frozen=True)
class Link:
    """A line, how it breaks the chain, and the ``prev`` that a line of ours after it must have."""

    line: Line
    faults: list[str]
    digest: str | None


def chain(lines: Iterable[Line], names: Mapping[str, str] = _NO_NAMES, after: Line | None = None) -> Iterator[Link]:
    """Every line of a journal, checked against all that stands before it, and against the ``names`` of whose it is.

    From the first one on; or from behind ``after``, and then what only all bytes before can tell is not told. Empty
    lines are those of lost events, and no fault where the ``repair`` that follows accounts for them.
    """
    before = older.AllBefore() if after is None else None  # None: from the middle on it cannot be told
    expected = digest(after.raw) if after is not None and after.is_own else _digest_of(before)
    lost: list[Link] = []
    first = after.seq + 1 if after is not None else 1
    for number, line in enumerate(lines, start=first):
        if before is not None:
            before.add(line.raw)
        if not line.raw:
            expected = _digest_of(before)
            lost.append(Link(line, ["the event is lost, and no repair directly after it says so"], expected))
            continue
        said = lost_range(line)
        if after is not None and not after.raw and len(lost) == number - first:  # the first of them is not seen
            is_accounted_for = said is not None and said.stop == number
        else:
            is_accounted_for = said == (range(number - len(lost), number) if lost else None)
        for link in lost:
            yield Link(link.line, [], link.digest) if is_accounted_for else link
        faults = []
        if not is_accounted_for and said is not None:
            faults.append("it says which events are lost, and others are")
        lost = []
        if line.fields is None:
            faults.append(why_no_event(line.raw))
        elif line.is_own:
            if line.get("seq") != number:
                faults.append(f"the line says it is number {line.get('seq')}")
            if not line.is_of(names):
                faults.append("the line is about another model")
            if expected is not None and line.get("prev") != expected:
                faults.append("its 'prev' is not the digest of what stands before it")
        expected = digest(line.raw) if line.is_own else _digest_of(before)
        yield Link(line, faults, expected)
    yield from lost


def _digest_of(before: older.AllBefore | None) -> str | None:
    return before.digest if before is not None else None


def lost_range(line: Line) -> range | None:
    """The numbers of the events that are lost as the line says; None of one that says nothing of that."""
    first, last = line.get("lost_from"), line.get("lost_to")
    if line.get("event") != REPAIR or not isinstance(first, int) or not isinstance(last, int) or not line.is_own:
        return None
    return range(first, last + 1)


def encode_text(text: str) -> bytes:
    """The text as it stands in a journal line."""
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")

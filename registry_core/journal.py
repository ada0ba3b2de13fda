"""The journal of one model: an append-only, hash-chained log of events, and the commit point.

A line of ours has ``seq`` and ``prev``; a line without them was written by older software and
stays as it is. ``prev`` is the SHA-256, in hex with its prefix, of the line before without its
newline; where the line before is not ours, it is the SHA-256 of all bytes before, each line with its
newline. So no line, ours or older, can change without breaking a later ``prev``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .hashing import DIGEST_PREFIX, digest
from .metadata import encode
from .storage.base import Storage


@dataclass(frozen=True)
class Line:
    """One record. ``fields`` is None where the bytes are not a JSON object."""

    seq: int
    raw: bytes
    fields: dict[str, Any] | None

    @property
    def is_own(self) -> bool:
        """Whether this software wrote it (it takes part in the chain)."""
        fields = self.fields or {}
        return isinstance(fields.get("seq"), int) and isinstance(fields.get("prev"), str)

    def get(self, name: str) -> Any:
        return (self.fields or {}).get(name)


def parse_line(seq: int, raw: bytes) -> Line:
    """The record as a line; never raises."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    return Line(seq, raw, value if isinstance(value, dict) else None)


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
        now = before + timedelta(microseconds=1)
    return format_time(now)


def format_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: Any) -> datetime | None:
    """The moment in UTC, or None if the text is no time. A time without an offset is UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def chain_faults(lines: Iterable[Line]) -> Iterator[tuple[int, str]]:
    """(seq, what is wrong) for every line that breaks the chain; nothing proves it intact."""
    everything = hashlib.sha256()
    before: Line | None = None
    for line in lines:
        if line.fields is None:
            yield line.seq, "the line is not a JSON object"
        elif line.is_own:
            expected = digest(before.raw) if before is not None and before.is_own else _hex(everything)
            if line.get("seq") != line.seq:
                yield line.seq, f"the line says it is number {line.get('seq')}"
            if line.get("prev") != expected:
                yield line.seq, "its 'prev' is not the digest of what stands before it"
        everything.update(line.raw + b"\n")
        before = line


def _hex(sha: "hashlib._Hash") -> str:
    return DIGEST_PREFIX + sha.hexdigest()


class Journal:
    """One model's log in a storage."""

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key

    def lines(self, after: int = 0) -> Iterator[Line]:
        """Every record after ``after``, oldest first, streamed."""
        return (parse_line(seq, raw) for seq, raw in self._storage.records(self._key, after))

    def mentioning(self, text: str) -> Iterator[Line]:
        """The lines that hold ``text`` as a JSON string; cheaper than parsing them all."""
        needle = encode_text(text)
        return (parse_line(seq, raw) for seq, raw in self._storage.records(self._key) if needle in raw)

    def last(self) -> Line | None:
        found = self._storage.last(self._key)
        return parse_line(*found) if found else None

    def draft(self, last: Line | None, fields: dict[str, Any]) -> dict[str, Any]:
        """The next event as it would be appended now. Call with the model's lock held."""
        prefix = ""
        if last is None or not last.is_own:
            everything = hashlib.sha256()
            for _, raw in self._storage.records(self._key):
                everything.update(raw + b"\n")
            prefix = _hex(everything)
        return next_record(last, prefix, fields, datetime.now(UTC))

    def append(self, event: dict[str, Any]) -> None:
        """The event is in the journal, durably: it *is* the change. On failure nothing changed.

        Raises ``PreconditionFailed`` if another writer has taken its place.
        """
        self._storage.append(self._key, encode(event), event["seq"])

    def line(self, seq: int) -> Line | None:
        """The record of that number, or None."""
        found = next(self._storage.records(self._key, seq - 1), None)
        return parse_line(*found) if found else None


def encode_text(text: str) -> bytes:
    """The text as it stands in a journal line."""
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")

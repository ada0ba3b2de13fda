"""The journal of one model: an append-only, hash-chained log of events, and the commit point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from ..format.chain import Line, encode_text, next_record, parse_line
from ..format.encoding import encode
from ..format.older import AllBefore
from ..storage.contract import Storage


class Journal:
    """One model's log in a storage."""

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key

    def lines(self, after: int = 0) -> Iterator[Line]:
        """Every record after ``after``, oldest first, streamed."""
        return (parse_line(seq, raw) for seq, raw in self._storage.documents.records(self._key, after))

    def read_anew(self) -> Iterator[Line]:
        """Every record as it lies in the storage now, whatever this process remembers."""
        self._storage.documents.forget(self._key)
        return self.lines()

    def mentioning(self, text: str) -> Iterator[Line]:
        """The lines that hold ``text`` as a JSON string; cheaper than parsing them all."""
        needle = encode_text(text)
        return (parse_line(seq, raw) for seq, raw in self._storage.documents.records(self._key) if needle in raw)

    def last(self) -> Line | None:
        found = self._storage.documents.last(self._key)
        return parse_line(*found) if found else None

    def next_event(self, last: Line | None, fields: dict[str, Any]) -> dict[str, Any]:
        """The next event as it would be appended now. Call with the model's lock held."""
        prefix = ""
        if last is None or not last.is_own:
            prefix = AllBefore(raw for _, raw in self._storage.documents.records(self._key)).digest
        return next_record(last, prefix, fields, datetime.now(UTC))

    def append(self, event: dict[str, Any]) -> None:
        """The event is in the journal, durably: it *is* the change. On failure nothing changed.

        Raises ``PreconditionFailed`` if another writer has taken its place.
        """
        self._storage.documents.append(self._key, encode(event), event["seq"])

    def sync(self, is_needed: Callable[[], bool]) -> None:
        """What :meth:`lines` shows is durable, if that is needed: before an event of somebody else is made true."""
        self._storage.documents.sync(self._key, is_needed)

    def line(self, seq: int) -> Line | None:
        """The record of that number, or None."""
        found = self._storage.documents.record(self._key, seq)
        return parse_line(seq, found) if found is not None else None

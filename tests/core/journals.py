"""Journals that older software and ours wrote by turns."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from registry_core.format.chain import Line, chain
from registry_core.models.journal import Journal
from registry_core.storage.memory.root import MemoryStorage

KEY = "tasks/t/models/m/audit/promotions.jsonl"
NOW = datetime(2026, 5, 4, 12, 0, 0, 123_456, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
# None: a line of older software's, else one of ours with that reason.
writers = st.lists(st.none() | texts, min_size=1, max_size=8)


def old_line(number: int) -> bytes:
    moment = (NOW - timedelta(days=30) + timedelta(minutes=number)).isoformat()
    return json.dumps({"alias": "latest", "version": str(number), "actor": None, "ts_utc": moment}).encode()


def own_fields(reason: str) -> dict[str, Any]:
    return {"event": "promote", "alias": "latest", "version": "1", "reason": reason}


def write(who: list[str | None]) -> list[bytes]:
    """The lines of a journal that older software (None) and ours wrote by turns."""
    storage = MemoryStorage()
    journal = Journal(storage, KEY)
    for number, reason in enumerate(who, start=1):
        if reason is None:
            storage.documents.append(KEY, old_line(number), number)
        else:
            journal.append(journal.next_event(journal.last(), own_fields(reason)))
    return [line.raw for line in journal.lines()]


def faults_of(lines: Iterable[Line]) -> list[tuple[int, str]]:
    """(seq, what is wrong) for every line that breaks the chain; nothing proves it intact."""
    return [(link.line.seq, fault) for link in chain(lines) for fault in link.faults]

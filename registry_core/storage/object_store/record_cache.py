"""What was read once from an object store and need not be read again, within a bound."""

from __future__ import annotations

from ...vocabulary.bounded import Bounded

__all__ = ["Bounded", "RecordCache"]

LOGS = 10_000


class RecordCache:
    """Log records by log and number, and how far each log is known to reach.

    Neither goes out of date: a record never changes, and a log never becomes shorter.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._records: Bounded[tuple[str, int], bytes] = Bounded(limit_bytes, lambda record: len(record) + 200)
        self._highest: Bounded[str, int] = Bounded(LOGS)

    def get(self, log: str, seq: int) -> bytes | None:
        return self._records.get((log, seq))

    def add(self, log: str, seq: int, record: bytes) -> None:
        self._records.put((log, seq), record)
        if seq > self.highest(log):
            self._highest.put(log, seq)

    def highest(self, log: str) -> int:
        return self._highest.get(log) or 0

    def forget(self, log: str) -> None:
        """Nothing of the log is remembered: for a proof, which must be of what is there now."""
        for seq in range(1, self.highest(log) + 1):
            self._records.forget((log, seq))
        self._highest.forget(log)

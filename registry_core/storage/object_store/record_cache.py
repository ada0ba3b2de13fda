"""What was read once from an object store and need not be read again, within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

LOGS = 10_000


class Bounded(Generic[K, V]):
    """At most ``limit`` of what was put in, by weight (by default: one each); the least used is forgotten."""

    def __init__(self, limit: int, weigh: Callable[[V], int] = lambda _: 1) -> None:
        self._limit = limit
        self._weigh = weigh
        self._weight = 0
        self._found: OrderedDict[K, V] = OrderedDict()
        self._mutex = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._mutex:
            value = self._found.get(key)
            if value is not None:
                self._found.move_to_end(key)
            return value

    def put(self, key: K, value: V) -> None:
        with self._mutex:
            self._forget(key)
            self._found[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._limit:
                self._weight -= self._weigh(self._found.popitem(last=False)[1])

    def forget(self, key: K) -> None:
        with self._mutex:
            self._forget(key)

    def _forget(self, key: K) -> None:
        value = self._found.pop(key, None)
        if value is not None:
            self._weight -= self._weigh(value)


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

"""Log records that were read once: they never change, so they need never be read again."""

from __future__ import annotations

import threading
from collections import OrderedDict


class RecordCache:
    """Log records by key, the least used forgotten; and how far each log is known to reach."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._found: OrderedDict[str, bytes] = OrderedDict()
        self._highest: dict[str, int] = {}
        self._mutex = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._mutex:
            record = self._found.get(key)
            if record is not None:
                self._found.move_to_end(key)
            return record

    def add(self, key: str, record: bytes) -> None:
        prefix, _, name = key.rpartition("/")
        with self._mutex:
            self._found[key] = record
            self._highest[prefix] = max(self._highest.get(prefix, 0), int(name.removesuffix(".json")))
            while len(self._found) > self._size:
                self._found.popitem(last=False)

    def highest(self, prefix: str) -> int:
        with self._mutex:
            return self._highest.get(prefix, 0)

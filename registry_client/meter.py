"""Adds up what several threads have transferred, and tells the caller."""

from __future__ import annotations

import threading
from collections.abc import Callable

from registry_core import Progress

ProgressCallback = Callable[[Progress], None]


class Meter:
    """Totals of one running transfer; thread-safe. Bytes that turn out worthless are taken off again."""

    def __init__(self, callback: ProgressCallback | None, *, files_total: int, bytes_total: int) -> None:
        self._callback = callback
        self._lock = threading.Lock()
        self._now = Progress(0, bytes_total, 0, files_total)
        self._add(0, 0)

    def tick(self, size_bytes: int) -> None:
        """So many more (or, negative, fewer) bytes are there."""
        self._add(size_bytes, 0)

    def file_done(self) -> None:
        """One more file is there."""
        self._add(0, 1)

    def _add(self, size_bytes: int, files: int) -> None:
        if self._callback is None:
            return
        with self._lock:
            now = self._now
            self._now = Progress(now.bytes_done + size_bytes, now.bytes_total, now.files_done + files, now.files_total)
            self._callback(self._now)

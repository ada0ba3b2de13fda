"""Adds up what several threads have done, and tells the caller."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a register or verify has come."""

    bytes_done: int
    bytes_total: int
    files_done: int
    files_total: int


ProgressCallback = Callable[[Progress], None]


class Meter:
    """Totals of one running register, verify or transfer; does nothing without a callback. Thread-safe."""

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback
        self._lock = threading.Lock()
        self._now = Progress(0, 0, 0, 0)

    def start(self, files_total: int, bytes_total: int) -> None:
        self._now = Progress(0, bytes_total, 0, files_total)
        self._tell(0, 0)

    def tick(self, size_bytes: int) -> None:
        """So many more bytes are done; or, negative, were worthless."""
        self._tell(size_bytes, 0)

    def file_done(self) -> None:
        self._tell(0, 1)

    def _tell(self, size_bytes: int, files: int) -> None:
        if self._callback is None:
            return
        with self._lock:
            now = self._now
            self._now = Progress(now.bytes_done + size_bytes, now.bytes_total, now.files_done + files, now.files_total)
            self._callback(self._now)

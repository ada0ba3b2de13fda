"""Who is at work on the upload sessions within this process, where nothing else keeps two writers apart."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from .uploads import locked


class ProcessLocks:
    """Who is at work in this process. Raises ``UploadLocked`` at once where somebody else is."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._shared: Counter[str] = Counter()
        self._alone: set[str] = set()
        self._files: set[tuple[str, str]] = set()

    @contextmanager
    def shared(self, upload: str) -> Iterator[None]:
        with self._mutex:
            if upload in self._alone:
                raise locked()
            self._shared[upload] += 1
        try:
            yield
        finally:
            with self._mutex:
                self._shared[upload] -= 1
                if not self._shared[upload]:
                    del self._shared[upload]

    @contextmanager
    def alone(self, upload: str) -> Iterator[None]:
        with self._mutex:
            if upload in self._alone or self._shared[upload]:
                raise locked()
            self._alone.add(upload)
        try:
            yield
        finally:
            with self._mutex:
                self._alone.discard(upload)

    @contextmanager
    def file(self, upload: str, file_id: str) -> Iterator[None]:
        key = (upload, file_id)
        with self._mutex:
            if key in self._files:
                raise locked()
            self._files.add(key)
        try:
            yield
        finally:
            with self._mutex:
                self._files.discard(key)

"""What is written is on the disk: a large file while more of it is written."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

SYNC_EACH_BYTES = 64 * 1024 * 1024


class Sink:
    """An open file that is written to and then synced; closed at the end, when nobody syncs it any more.

    A second thread syncs what has been written while more comes, so that :meth:`sync` has little left to wait for.
    """

    def __init__(self, fd: int) -> None:
        self._file = os.fdopen(fd, "r+b", buffering=0)
        self._helper: ThreadPoolExecutor | None = None
        self._syncing: Future[None] | None = None
        self._unsynced_bytes = 0

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if self._helper is not None:
                self._helper.shutdown()

    def fileno(self) -> int:
        return self._file.fileno()

    def write(self, data: memoryview) -> int:
        count = self._file.write(data)
        self._unsynced_bytes += count
        if self._unsynced_bytes >= SYNC_EACH_BYTES and (self._syncing is None or self._syncing.done()):
            self._settle()
            self._helper = self._helper or ThreadPoolExecutor(max_workers=1, thread_name_prefix="sync")
            self._syncing = self._helper.submit(os.fdatasync, self.fileno())
            self._unsynced_bytes = 0
        return count

    def sync(self) -> None:
        """All that was written is on the disk. Raises ``OSError``."""
        self._settle()
        os.fsync(self.fileno())

    def _settle(self) -> None:
        # The kernel tells each open file of a failure once: who asked first is the only one to hear of it.
        if self._syncing is not None:
            self._syncing.result()

"""Many small files of a session on a filesystem: a file each, and a few writes of its list for all of them.

None is synced as it comes. It is when it is registered, which the list tells by its mark: such a one holds for this run
of the kernel alone, so that what a power cut may have taken is read again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any, NoReturn

from ..uploads import Packing
from .receiving import FILE, mark_of, translated, write_all
from .upload_index import Index, append

MOST_FILES = 1024  # that a killed process may lose
MOST_BYTES = 64 * 1024 * 1024
MOST_S = 5.0
_MODE = 0o444  # what they are in a package


class FilesystemPacking(Packing):
    """The open session, held; everything that is open with it is closed at the end."""

    def __init__(
        self, data: int, about: int, listed: Callable[[], AbstractContextManager[tuple[int, Index]]], opened: ExitStack
    ) -> None:
        self._data, self._about, self._listed, self._opened = data, about, listed, opened
        self._fd: int | None = None
        self._file: dict[str, Any] = {}
        self._kept: list[dict[str, Any]] = []
        self._kept_bytes = 0
        self._recorded_at = time.monotonic()

    def __exit__(self, *exc_info: object) -> None:
        with self._opened, translated("pack"):
            if self._fd is not None:
                self._close()
                self._forget([self._file])
            self._flush()

    def begin(self, path: str, size_bytes: int) -> None:
        file_id = os.urandom(16).hex()  # as uuid4 has it, in a quarter of the time
        try:  # for each of thousands of files cheaper than "with translated"
            self._fd = os.open(file_id, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FILE, _MODE, dir_fd=self._data)
        except OSError as error:
            _fail(path, error)
        self._file = {"file": file_id, "path": path, "size_bytes": size_bytes}

    def write(self, chunk: memoryview, /) -> int:
        assert self._fd is not None
        try:
            write_all(self._fd, chunk)
        except OSError as error:
            _fail(self._file["path"], error)
        return len(chunk)

    def keep(self, sha256: str) -> None:
        assert self._fd is not None
        with translated(self._file["path"]):
            mark = mark_of(os.fstat(self._fd), synced=False)
            self._close()
            self._kept.append({**self._file, "sha256": sha256, "mark": mark})
            self._kept_bytes += self._file["size_bytes"]
            is_long_ago = time.monotonic() - self._recorded_at > MOST_S
            if len(self._kept) >= MOST_FILES or self._kept_bytes >= MOST_BYTES or is_long_ago:
                self._flush()

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        assert fd is not None
        os.close(fd)

    def _flush(self) -> None:
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        if not kept:
            return
        try:
            with self._listed() as (fd, index):
                late = [file for file in kept if file["path"] in index.paths]
                append(fd, index, *(file for file in kept if file["path"] not in index.paths))
        except BaseException:
            self._forget(kept)
            raise
        self._forget(late)
        os.utime(self._about)
        self._recorded_at = time.monotonic()

    def _forget(self, files: Sequence[Mapping[str, Any]]) -> None:
        for file in files:
            with suppress(OSError):
                os.unlink(file["file"], dir_fd=self._data)


def _fail(path: str, error: OSError) -> NoReturn:
    with translated(path):
        raise error
    raise AssertionError("unreachable")

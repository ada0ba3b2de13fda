"""Lines on a filesystem: each name is a file, and all below one home are appended to under one lock.

Older software appends to the same files and takes no lock; each of its lines is one write too.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Reversible, Sequence
from contextlib import suppress

from ..contract import Documents, outcome_unknown
from . import logfile
from .beneath import Place, translated_errors

LOCK_TIMEOUT_S = 30.0  # it is held for a few writes


class FilesystemLines(Documents):
    """What documents on a filesystem have as lines."""

    @abstractmethod
    def _at(self, key: str) -> Place: ...

    def append_lines(self, home: str, lines: Mapping[str, bytes]) -> None:
        new = [(self._at(f"{home}/{name}"), data) for name, data in lines.items()]
        directories = {place.above.key: place.above for place, _ in new}.values()
        with translated_errors(home):
            for directory in directories:
                directory.make_directory()
        with self.lock(home, LOCK_TIMEOUT_S), translated_errors(home):
            _append(new)
        with translated_errors(home):  # without the lock, so that many wait for one sync
            try:
                for place, _ in new:
                    _sync(place)
                for directory in directories:
                    with directory.directory(os.O_RDONLY) as fd:
                        os.fsync(fd)
            except OSError:
                raise outcome_unknown() from None

    def lines(self, home: str, within: str) -> Mapping[str, Reversible[bytes]]:
        entries = self.list(f"{home}/{within}")
        return {entry.name: _Lines(self._at(entry.key)) for entry in entries if entry.kind == "file"}


def _append(new: Sequence[tuple[Place, bytes]]) -> None:
    """Each file has its lines at its end, or none has. Raises ``OSError``."""
    begun: list[tuple[Place, int, bytes]] = []
    try:
        for place, data in new:
            fd = place.open(os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                size = os.fstat(fd).st_size
                is_closed = size == 0 or os.pread(fd, 1, size - 1) == b"\n"
                written = data if is_closed else b"\n" + data
                begun.append((place, size, written))
                left = memoryview(written)
                while left:
                    left = left[os.write(fd, left) :]
            finally:
                os.close(fd)
    except OSError:
        for place, size, written in begun:
            with suppress(OSError):
                _undo(place, size, written)
        raise


def _undo(place: Place, size: int, written: bytes) -> None:
    """Nothing of it is left, unless somebody who takes no lock has appended since."""
    fd = place.open(os.O_RDWR)
    try:
        if written.startswith(os.pread(fd, len(written) + 1, size)):
            os.ftruncate(fd, size)
    finally:
        os.close(fd)


def _sync(place: Place) -> None:
    fd = place.open(os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class _Lines:
    """The lines of one file, read anew each time."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __iter__(self) -> Iterator[bytes]:
        with translated_errors(self._place.key), os.fdopen(self._place.open(os.O_RDONLY), "rb") as file:
            while line := file.readline():
                # Of one without a newline the rest may have come meanwhile.
                yield line if line.endswith(b"\n") else line + file.readline()

    def __reversed__(self) -> Iterator[bytes]:
        with translated_errors(self._place.key), os.fdopen(self._place.open(os.O_RDONLY), "rb", 0) as file:
            yield from (line for _, line in logfile.lines_before(file, file.seek(0, os.SEEK_END)))

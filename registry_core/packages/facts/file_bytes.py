"""The bytes of a file at any place, of which only what is asked for is fetched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .bounds import FILE_BYTES
from .load import FetchFailed, Odd, PastBound

FIRST_FETCH_BYTES = 8 * 1024
LARGEST_FETCH_BYTES = 256 * 1024
SMALL_BYTES = 128 * 1024  # such a file is fetched at once
HELD_BYTES = 4 * 1024 * 1024

Fetch = Callable[[int, int], bytes]  # (start, length) -> the bytes there, fewer where the file ends


class FileBytes(Protocol):
    """Bytes at any place, of a file or of a part of one."""

    @property
    def size_bytes(self) -> int: ...

    def at(self, start: int, length: int) -> bytes:
        """Exactly these bytes. Raises ``Odd`` where the file ends before, ``PastBound``, ``FetchFailed``."""


class Fetched:
    """The bytes of a whole file. ``fetched_bytes`` is how many were fetched of it so far.

    What lies next to what was asked for comes along, the more the longer it goes straight on; the file's beginning,
    which every reader asks for, is fetched once.
    """

    def __init__(self, fetch: Fetch, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.fetched_bytes = 0
        self._fetch = fetch
        self._start, self._held = 0, b""
        self._head = b""
        self._step = FIRST_FETCH_BYTES

    def at(self, start: int, length: int) -> bytes:
        if start < 0 or length < 0 or start + length > self.size_bytes:
            raise Odd("it ends too early")
        if start + length <= len(self._head):
            return self._head[start : start + length]
        end = self._start + len(self._held)
        if not self._start <= start <= start + length <= end:
            goes_on = self._start <= start <= end
            self._step = min(2 * self._step, LARGEST_FETCH_BYTES) if goes_on else FIRST_FETCH_BYTES
            if self.size_bytes <= SMALL_BYTES:
                self._head = self._fetch_at(0, self.size_bytes)
                return self._head[start : start + length]
            data = self._fetch_at(start, min(max(length, self._step), self.size_bytes - start))
            if start == 0:
                self._head = data[:FIRST_FETCH_BYTES]
            if len(data) > HELD_BYTES:
                return data[:length]
            self._start, self._held = start, data
        begin = start - self._start
        return self._held[begin : begin + length]

    def _fetch_at(self, start: int, length: int) -> bytes:
        if self.fetched_bytes + length > FILE_BYTES:
            raise PastBound("it is larger than is read of a file")
        try:
            data = self._fetch(start, length)
        except Exception as error:
            raise FetchFailed(error) from error
        self.fetched_bytes += len(data)
        if len(data) != length:
            raise FetchFailed(OSError("the file is shorter than it was"))
        return data


class Part:
    """A part of a file as a file of its own, such as a member of an archive."""

    def __init__(self, whole: FileBytes, start: int, size_bytes: int) -> None:
        if start < 0 or size_bytes < 0 or start + size_bytes > whole.size_bytes:
            raise Odd("it ends too early")
        self.size_bytes = size_bytes
        self._whole, self._begin = whole, start

    def at(self, start: int, length: int) -> bytes:
        if start < 0 or length < 0 or start + length > self.size_bytes:
            raise Odd("it ends too early")
        return self._whole.at(self._begin + start, length)


def of_bytes(data: bytes) -> Fetched:
    """Bytes that are in memory already."""
    return Fetched(lambda start, length: data[start : start + length], len(data))

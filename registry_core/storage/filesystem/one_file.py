"""One file of a package, opened and read."""

from __future__ import annotations

import os
from io import FileIO

from ..contract import KeyNotFound, Readable
from .beneath import Place, translated_errors
from .failures import DIRECTORY, Planted


def open_stream(place: Place, start: int = 0, length: int | None = None) -> Readable:
    """A streamed reader of so many bytes of the file. Raises ``KeyNotFound``, ``StorageError``."""
    with translated_errors(place.key):
        try:
            reader = _File(place.open(os.O_RDONLY), place.key)
        except Planted as error:
            if error.kind == DIRECTORY:
                raise KeyNotFound(place.name) from None
            raise
        reader.seek(start)
    return reader if length is None else _Slice(reader, length)


class _File(FileIO):
    """An open file; what fails while it is read is told as the registry's errors."""

    def __init__(self, fd: int, key: str) -> None:
        super().__init__(fd, "rb")
        self._key = key

    def read(self, size: int | None = -1, /) -> bytes:
        with translated_errors(self._key):
            return super().read(-1 if size is None else size)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        with translated_errors(self._key):
            return super().readinto(buffer)


class _Slice:
    """At most ``length`` bytes of an open file."""

    def __init__(self, reader: Readable, length: int) -> None:
        self._reader = reader
        self._left = length

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._reader.read(wanted)
        self._left -= len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> "_Slice":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

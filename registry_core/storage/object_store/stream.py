"""A file of an object store, read as it arrives."""

from __future__ import annotations

from collections.abc import Iterator

from ...vocabulary.errors import StorageUnavailable

_PIECE_BYTES = 1024 * 1024


class ObjectStream:
    """A body of ``size_bytes``; one that ends early is an error, never a short file."""

    def __init__(self, chunks: Iterator[bytes], size_bytes: int) -> None:
        self._chunks = chunks
        self._left = size_bytes
        self._rest = memoryview(b"")

    def _fill(self) -> None:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                if self._left:
                    raise StorageUnavailable("The object store broke off in the middle of a file.", retry_after_s=5)
                return
            self._rest = memoryview(chunk)
            self._left -= len(chunk)

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            parts = []
            while part := self.read(_PIECE_BYTES):
                parts.append(part)
            return b"".join(parts)
        self._fill()
        data, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._chunks = iter(())

    def __enter__(self) -> ObjectStream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

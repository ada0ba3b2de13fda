"""What uploads on an object store are made of: pieces, read as one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import BinaryIO

from ..contract import Readable
from .bucket import Bucket

_CHUNK_BYTES = 1024 * 1024


class Pieces:
    """The pieces of a file as one reader, from a position on."""

    def __init__(self, bucket: Bucket, pieces: Sequence[tuple[str, int]], start: int) -> None:
        self._bucket = bucket
        self._left: list[tuple[str, int, int]] = []  # key, where to begin, how much from there
        for key, length in pieces:
            skipped = min(start, length)
            start -= skipped
            if skipped < length:
                self._left.append((key, skipped, length - skipped))
        self._reader: Readable | None = None

    def readinto(self, buffer: memoryview, /) -> int:
        while True:
            if self._reader is None:
                if not self._left:
                    return 0
                self._reader = self._bucket.stream(*self._left.pop(0))
            count = self._reader.readinto(buffer)
            if count:
                return count
            self.close()

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK_BYTES), b""))
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def __enter__(self) -> Pieces:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class Poured:
    """A reader as a source, of about ``size_bytes``."""

    def __init__(self, reader: Readable, size_bytes: int) -> None:
        self._reader = reader
        self.size_bytes = size_bytes

    def pour(self, sink: BinaryIO) -> tuple[str, int]:
        sha, total = hashlib.sha256(), 0
        with self._reader as reader:
            while chunk := reader.read(_CHUNK_BYTES):
                sha.update(chunk)
                sink.write(chunk)
                total += len(chunk)
        return sha.hexdigest(), total

"""Small files read whole."""

from __future__ import annotations

from .contract import Readable, Storage


def read_file(storage: Storage, package: str, path: str) -> bytes:
    """The whole of a small file of a package. Raises ``KeyNotFound``, ``StorageError``."""
    with storage.open(package, path) as reader:
        return read_all(reader)


def read_all(reader: Readable) -> bytes:
    """All that the reader still holds; it is small."""
    parts = []
    while part := reader.read(1024 * 1024):
        parts.append(part)
    return b"".join(parts)

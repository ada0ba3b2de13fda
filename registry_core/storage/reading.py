"""Small files read whole."""

from __future__ import annotations

from .contract import Packages, Readable


def read_file(packages: Packages, package: str, path: str) -> bytes:
    """The whole of a small file of a package. Raises ``KeyNotFound``, ``StorageError``."""
    with packages.open(package, path) as reader:
        return read_all(reader)


def read_all(reader: Readable) -> bytes:
    """All that the reader still holds; it is small."""
    parts = []
    while part := reader.read(1024 * 1024):
        parts.append(part)
    return b"".join(parts)

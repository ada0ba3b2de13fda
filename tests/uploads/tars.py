"""Tars as people and attackers send them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from registry_core.format.tar import TAR_END, tar_header, tar_padding


def packed(files: Mapping[str, bytes]) -> bytes:
    """A tar as our client makes it."""
    parts = [tar_header(path, len(data)) + data + tar_padding(len(data)) for path, data in files.items()]
    return b"".join([*parts, TAR_END])


def made(*members: tuple[str, bytes], format: int = tarfile.PAX_FORMAT, **more: object) -> bytes:
    """A tar as Python's library makes it; ``more`` are attributes of the last member."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=format) as tar:
        for number, (path, data) in enumerate(members, 1):
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            for name, value in more.items() if number == len(members) else ():
                setattr(entry, name, value)
            tar.addfile(entry, io.BytesIO(data) if entry.isreg() else None)
    return target.getvalue()


class Stream:
    """A reader of these bytes, in pieces of any length."""

    def __init__(self, data: bytes, most: int = 10_007) -> None:
        self._left, self._most = memoryview(data), most

    def readinto(self, buffer: memoryview, /) -> int:
        count = min(len(buffer), len(self._left), self._most)
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class Endless:
    """What never comes to an end: the beginning, and then the same again and again."""

    def __init__(self, beginning: bytes, again: bytes) -> None:
        self._rest, self._again = beginning, again
        self.count = 0

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._rest:
            self._rest = self._again
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self.count += count
        return count

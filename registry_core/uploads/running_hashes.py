"""How far this process has hashed files that are still arriving.

A hash cannot be put down and taken up by another process. So one that meets a file for the first time, or again
after somebody else wrote to it, reads what it has not hashed yet; none ever hashes a byte twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ..storage.contract import Readable
from ..vocabulary.bounded import Bounded

REMEMBERED = 4096
_CHUNK_BYTES = 1024 * 1024

Key = tuple[str, str]


class RunningHashes:
    """Thread-safe; remembers the files that were written to last."""

    def __init__(self) -> None:
        self._known: Bounded[Key, tuple[int, hashlib._Hash]] = Bounded(REMEMBERED)

    def take(self, key: Key, offset: int, reopen: Callable[[int], Readable]) -> hashlib._Hash:
        """The hash of the first ``offset`` bytes, no longer remembered; ``reopen`` reads from a position on."""
        position, sha = self._known.forget(key) or (0, hashlib.sha256())
        if position > offset:
            position, sha = 0, hashlib.sha256()
        if position < offset:
            buffer = memoryview(bytearray(_CHUNK_BYTES))
            with reopen(position) as reader:
                while position < offset and (count := reader.readinto(buffer[: offset - position])):
                    sha.update(buffer[:count])
                    position += count
        return sha

    def remember(self, key: Key, offset: int, sha: hashlib._Hash) -> None:
        """The hash is that of the first ``offset`` bytes."""
        self._known.put(key, (offset, sha))

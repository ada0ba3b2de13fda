"""How far this process has hashed files that are still arriving.

A hash cannot be put down and taken up by another process. So one that meets a file for the first time, or again
after somebody else wrote to it, reads what it has not hashed yet; none ever hashes a byte twice.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

from ..storage.contract import Readable

REMEMBERED = 4096
_CHUNK_BYTES = 1024 * 1024

Key = tuple[str, str]


class RunningHashes:
    """Thread-safe; remembers the files that were written to last."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._known: OrderedDict[Key, tuple[int, hashlib._Hash]] = OrderedDict()

    def take(self, key: Key, offset: int, reopen: Callable[[int], Readable]) -> hashlib._Hash:
        """The hash of the first ``offset`` bytes, no longer remembered; ``reopen`` reads from a position on."""
        with self._mutex:
            position, sha = self._known.pop(key, (0, hashlib.sha256()))
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
        with self._mutex:
            self._known[key] = (offset, sha)
            self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

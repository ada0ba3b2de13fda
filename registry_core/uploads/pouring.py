"""Bytes are hashed while they arrive: receiving and writing in one thread, SHA-256 in another."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from ..packages.hash_stream import Reads
from ..storage.contract import Readable
from ..vocabulary.errors import StorageError

BUFFER_BYTES = 256 * 1024
BUFFERS = 4
OVERLAP_FROM_BYTES = 1024 * 1024


class Writes(Protocol):
    def write(self, chunk: memoryview, /) -> int: ...


@dataclass(frozen=True)
class Poured:
    """``count`` bytes were written and hashed; ``error`` is why no more could be."""

    count: int
    error: StorageError | None = None


def begins_with(kept: Readable, reader: Reads) -> bool:
    """Whether what is kept begins with all the bytes of the reader. It is closed."""
    came = memoryview(bytearray(BUFFER_BYTES))
    with kept:
        while count := reader.readinto(came):
            at = 0
            while at < count and (same := kept.read(count - at)) and came[at : at + len(same)] == same:
                at += len(same)
            if at < count:
                return False
    return True


def pour(reader: Reads, sink: Writes, hashes: Collection[hashlib._Hash], most_bytes: int) -> Poured:
    """Up to ``most_bytes`` of the reader are in the sink and in every hash.

    The hashes always agree with ``count``, whatever failed: a chunk that was not written whole is not hashed.
    """
    with ExitStack() as threads:
        hasher: ThreadPoolExecutor | None = None
        buffers = [memoryview(bytearray(min(BUFFER_BYTES, most_bytes)))]
        pending: list[Future[None] | None] = [None]
        if most_bytes >= OVERLAP_FROM_BYTES:
            hasher = threads.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="sha256"))
            buffers += [memoryview(bytearray(BUFFER_BYTES)) for _ in range(BUFFERS - 1)]
            pending *= BUFFERS

        def update(chunk: memoryview) -> None:
            for sha in hashes:
                sha.update(chunk)

        total = slot = 0
        while total < most_bytes:
            busy = pending[slot]
            if busy is not None:
                busy.result()
            count = reader.readinto(buffers[slot][: most_bytes - total])
            if not count:
                break
            chunk = buffers[slot][:count]
            try:
                sink.write(chunk)
            except StorageError as error:
                return Poured(total, error)
            if hasher is None:
                update(chunk)
            else:
                pending[slot] = hasher.submit(update, chunk)
            total += count
            slot = (slot + 1) % len(buffers)
    return Poured(total)

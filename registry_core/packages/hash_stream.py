"""Bytes are hashed as they pass: one read of a file copies it and proves it.

A large file has three threads and a ring of buffers between them, since hashing, reading and writing all release the
interpreter lock: one reads, one hashes, and one writes. To hash takes longer than to write or the other way round, as
the disk and the memory are just then; so neither waits for the other, but for a buffer. Many files use as many threads
as there are workers. Memory is a few fixed buffers per running file, whatever its size.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Protocol

BUFFER_BYTES = 512 * 1024
BUFFERS = 4
FIRST_BYTES = 32 * 1024
# A larger write makes the page cache ask for larger runs of memory, which may cost several times the copy
# (`python -m benchmarks bytes`, on disk).
WRITE_BYTES = 128 * 1024
OVERLAP_FROM_BYTES = 4 * 1024 * 1024


class Reads(Protocol):
    """Whatever bytes can be read from into a buffer."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


def hash_stream(
    reader: Reads,
    *,
    copy_to: BinaryIO | None = None,
    size_hint: int = 0,
    tick: Callable[[int], None] | None = None,
) -> tuple[str, int]:
    """(SHA-256 in hex, bytes) of all that ``reader`` still holds, copied to ``copy_to`` if given.

    ``tick`` is called with the length of each chunk. Small inputs stay in the calling thread.
    """
    sha = hashlib.sha256()
    if size_hint < OVERLAP_FROM_BYTES:
        return _hash_inline(reader, sha, copy_to, tick)
    total = 0
    ring: deque[tuple[memoryview, list[Future[None]]]]  # buffers, each with whoever still needs what is in it
    ring = deque((memoryview(bytearray(BUFFER_BYTES)), []) for _ in range(BUFFERS))
    with _one_thread() as hasher, _one_thread() as writer:
        try:
            while True:
                buffer, busy = ring.popleft()
                for task in busy:
                    task.result()
                count = reader.readinto(buffer)
                if not count:
                    break
                chunk = buffer[:count]
                busy = [hasher.submit(sha.update, chunk)]
                if copy_to is not None:
                    busy.append(writer.submit(_write_all, copy_to, chunk))
                ring.append((buffer, busy))
                total += count
                if tick is not None:
                    tick(count)
            for _, busy in ring:
                for task in busy:
                    task.result()
        except BaseException:
            for pool in (hasher, writer):
                pool.shutdown(cancel_futures=True)
            raise
    return sha.hexdigest(), total


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="bytes")


def size_hint(size_bytes: int, left_bytes: int, workers: int) -> int:
    """The hint for one of the files that are left: where all workers are busy anyway, a second thread disturbs."""
    return size_bytes if size_bytes * workers > left_bytes else 0


def _hash_inline(
    reader: Reads, sha: "hashlib._Hash", copy_to: BinaryIO | None, tick: Callable[[int], None] | None
) -> tuple[str, int]:
    total = 0
    buffer = memoryview(bytearray(FIRST_BYTES))  # to clear a large one takes longer than a small file does
    while count := reader.readinto(buffer):
        chunk = buffer[:count]
        sha.update(chunk)
        if copy_to is not None:
            _write_all(copy_to, chunk)
        total += count
        if tick is not None:
            tick(count)
        if count == len(buffer) == FIRST_BYTES:
            buffer = memoryview(bytearray(BUFFER_BYTES))
    return sha.hexdigest(), total


def _write_all(sink: BinaryIO, chunk: memoryview) -> None:
    # A raw file may write less than it was given, for instance when a signal arrives.
    while chunk:
        chunk = chunk[sink.write(chunk[:WRITE_BYTES]) :]

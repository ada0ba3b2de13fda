"""Logs on an object store: a record is an object, and creating it if absent is how its place is won."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from ...vocabulary.errors import StorageUnavailable
from ...vocabulary.texts import check_key
from ..contract import ABSENT, ANY, Condition, Document, KeyNotFound, PreconditionFailed
from .record_cache import RecordCache

READ_AHEAD = 32  # records fetched at once
CACHED_BYTES = 16 * 1024 * 1024
_SEQ_DIGITS = 12
_RECORD = re.compile(rf"[0-9]{{{_SEQ_DIGITS}}}\.json")


class Objects(Protocol):
    """The small objects of a store."""

    def read(self, key: str) -> Document: ...

    def put(self, key: str, data: bytes, when: Condition) -> Document: ...


class ObjectLogs:
    """``<directory of the log>/<seq, 12 digits>.json``."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._cache = RecordCache(CACHED_BYTES)

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        """As ``Documents.append``."""
        if expected_seq > 1 and self.record(log, expected_seq - 1) is None:
            raise PreconditionFailed(log)
        try:
            self._objects.put(_key(log, expected_seq), record, ABSENT)
        except StorageUnavailable as error:
            # Even a refusal may follow a first try that took effect and whose answer was lost.
            raise StorageUnavailable(
                f"{error.message} Whether the change was recorded is not known: look before sending it again, "
                "or send it with the same Idempotency-Key.",
                committed=None,
                retry_after_s=error.detail.get("retry_after_s", 5),
            ) from error
        self._cache.add(log, expected_seq, record)

    def records(self, log: str, after: int) -> Iterator[tuple[int, bytes]]:
        """As ``Documents.records``; fetches ahead, carefully where nothing is known to be."""
        known = max(after, self._cache.highest(log))
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="records") as pool:
            ahead: deque[tuple[int, Future[bytes | None]]] = deque()
            seq, following = after, after + 1
            try:
                while True:
                    while len(ahead) < READ_AHEAD and following <= known + 1 + 2 * max(0, seq - known):
                        ahead.append((following, pool.submit(self.record, log, following)))
                        following += 1
                    seq, fetched = ahead.popleft()
                    record = fetched.result()
                    if record is None:
                        return
                    yield seq, record
            finally:
                for _, fetched in ahead:
                    fetched.cancel()

    def put_behind(self, log: str, after: int, records: Sequence[bytes]) -> None:
        """The records follow record ``after``, behind which there is nothing. One writer has the place of the last one.

        What other processes remember of the log stays theirs until they end.
        """
        self._cache.forget(log)
        for seq, record in enumerate(records, start=after + 1):
            is_last = seq == after + len(records)
            self._objects.put(_key(log, seq), record, ABSENT if is_last else ANY)

    def forget(self, log: str) -> None:
        """As ``Documents.forget``."""
        self._cache.forget(log)

    def last(self, log: str) -> tuple[int, bytes] | None:
        """The end, searched from the last place known in this process: one small read as a rule.

        A process that knows nothing gallops (1, 3, 7, ...) and bisects: about 2 log2(records) reads.
        """
        known = self._cache.highest(log)
        step = 1
        while self.record(log, known + step) is not None:
            known += step
            step *= 2
        while step > 1:
            step //= 2
            if self.record(log, known + step) is not None:
                known += step
        record = self.record(log, known) if known else None
        return (known, record) if record is not None else None

    def record(self, log: str, seq: int) -> bytes | None:
        """The record, read from the store at most once while it is remembered; None if there is none."""
        cached = self._cache.get(log, seq)
        if cached is not None:
            return cached
        try:
            record = self._objects.read(_key(log, seq)).data
        except KeyNotFound:
            return None
        self._cache.add(log, seq, record)
        return record


def _key(log: str, seq: int) -> str:
    return f"{check_key(log).rpartition('/')[0]}/{seq:0{_SEQ_DIGITS}d}.json"


def place_behind(log: str, seq: int) -> tuple[str, str]:
    """(where the log's records lie, the key behind which those after ``seq`` do)."""
    key = _key(log, seq)
    return key.rpartition("/")[0], key


def is_record(name: str) -> bool:
    """Whether an object of that name is a record: other things may lie beside them."""
    return _RECORD.fullmatch(name) is not None

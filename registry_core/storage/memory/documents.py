"""Documents and logs in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Reversible, Sequence
from contextlib import contextmanager
from io import BytesIO

from ...vocabulary.errors import LockTimeout
from ...vocabulary.texts import check_key
from ..contract import (
    ABSENT,
    ANY,
    Condition,
    Document,
    Documents,
    Entry,
    KeyNotFound,
    Match,
    PreconditionFailed,
    Prepared,
)
from .state import State, etag


class MemoryDocuments(Documents):
    """The documents and logs of one root in memory."""

    def __init__(self, state: State) -> None:
        self._state = state

    def read(self, key: str) -> Document:
        with self._state.mutex:
            data = self._state.documents.get(check_key(key))
        if data is None:
            raise KeyNotFound(key)
        return Document(data, etag(data))

    def prepare(self, key: str, data: bytes, when: Condition = ANY, *, is_private: bool = False) -> Prepared:
        return _PreparedDocument(self._state, check_key(key), data, when)

    def delete(self, key: str) -> None:
        self.remove(key, b"")

    def delete_if_locked(self, key: str) -> None:
        self.delete(key)

    def remove(self, key: str, gone: bytes, when: Condition = ANY) -> None:
        with self._state.mutex:
            _check(self._state, check_key(key), when)
            self._state.documents.pop(key, None)

    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        start = check_key(prefix) + "/" if prefix else ""
        found: dict[str, Entry] = {}
        for key, size_bytes in self._sizes():
            if not key.startswith(start):
                continue
            rest = key[len(start) :]
            name, slash, _ = rest.partition("/")
            if deep or not slash:
                found[key] = Entry(key, "file", size_bytes)
            else:
                found[start + name] = Entry(start + name, "prefix")
        yield from (found[key] for key in sorted(found))

    def _sizes(self) -> Sequence[tuple[str, int]]:
        state = self._state
        with state.mutex:
            sizes = [(key, len(data)) for key, data in state.documents.items()]
            sizes += [(key, sum(map(len, lines)) + len(lines)) for key, lines in state.logs.items()]
            for package, files in state.packages.items():
                sizes += [(f"{package}/{path}", len(data)) for path, data in files.items()]
        return sizes

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        with self._state.mutex:
            lines = self._state.logs.setdefault(check_key(log), [])
            if lines and not _is_complete(lines[-1]):
                lines.pop()
            if len(lines) + 1 != expected_seq:
                raise PreconditionFailed(log)
            lines.append(record)

    def replace_end(self, log: str, after: int, records: Sequence[bytes], aside: str) -> bool:
        with self._state.mutex:
            lines = self._state.logs.setdefault(check_key(log), [])
            rest, lines[after:] = lines[after:], records
            if rest:
                self._state.documents[check_key(aside)] = b"\n".join(rest)
        return bool(rest)

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        with self._state.mutex:
            lines = list(self._state.logs.get(check_key(log), []))
        if lines and not _is_complete(lines[-1]):
            lines.pop()
        yield from ((seq, line) for seq, line in enumerate(lines, start=1) if seq > after)

    def last(self, log: str) -> tuple[int, bytes] | None:
        found = list(self.records(log))
        return found[-1] if found else None

    def is_torn(self, log: str) -> bool:
        with self._state.mutex:
            lines = self._state.logs.get(check_key(log), [])
            return bool(lines) and not _is_complete(lines[-1])

    def append_lines(self, home: str, lines: Mapping[str, bytes]) -> None:
        with self._state.mutex:
            for name, data in lines.items():
                key = check_key(f"{home}/{name}")
                before = self._state.documents.get(key, b"")
                torn = b"\n" if before and not before.endswith(b"\n") else b""
                self._state.documents[key] = before + torn + data

    def lines(self, home: str, within: str) -> Mapping[str, Reversible[bytes]]:
        with self._state.mutex:
            found = [entry for entry in self.list(f"{home}/{within}") if entry.kind == "file"]
            return {entry.name: BytesIO(self._state.documents[entry.key]).readlines() for entry in found}

    def note(self, key: str, number: int, count: int | None = None) -> None:
        self._state.notes[check_key(key)] = (number, count)

    def noted(self, key: str) -> tuple[int | None, int | None]:
        return self._state.notes.get(check_key(key), (None, None))

    @contextmanager
    def lock(self, key: str, timeout_s: float) -> Iterator[None]:
        with self._state.mutex:
            lock = self._state.locks.setdefault(check_key(key), threading.Lock())
        if not lock.acquire(timeout=timeout_s):
            raise LockTimeout("Another change to this model is still running. Try again.", retry_after_s=1)
        try:
            yield
        finally:
            lock.release()


class _PreparedDocument(Prepared):
    def __init__(self, state: State, key: str, data: bytes, when: Condition) -> None:
        self._state, self._key, self._data, self._when = state, key, data, when

    def switch(self) -> Document:
        with self._state.mutex:
            _check(self._state, self._key, self._when)
            self._state.documents[self._key] = self._data
        return Document(self._data, etag(self._data))

    def discard(self) -> None:
        """Nothing was set aside."""


def _check(state: State, key: str, when: Condition) -> None:
    """The condition holds. Raises ``PreconditionFailed``."""
    now = state.documents.get(key)
    if when is ABSENT and now is not None:
        raise PreconditionFailed(key)
    if isinstance(when, Match) and (now is None or etag(now) != when.etag):
        raise PreconditionFailed(key)


def _is_complete(record: bytes) -> bool:
    try:
        return not record or isinstance(json.loads(record), dict)
    except (ValueError, RecursionError):
        return False

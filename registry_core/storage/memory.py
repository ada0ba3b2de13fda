"""The storage contract in this process's memory: the simulator that tests run against."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from ..vocabulary.errors import LockTimeout
from .contract import (
    ABSENT,
    ANY,
    Artifact,
    Attempt,
    Condition,
    Document,
    Entry,
    Facts,
    KeyNotFound,
    Match,
    PreconditionFailed,
    Prepared,
    Readable,
    Source,
    Staging,
    Storage,
    check_key,
)


@dataclass
class _Work:
    """The bytes of one attempt."""

    files: dict[str, bytes] = field(default_factory=dict)
    made_at: float = field(default_factory=time.monotonic)
    alive: bool = True


class MemoryStorage(Storage):
    """Lost with the process. ``named`` gives every caller in the process the same one."""

    _named: ClassVar[dict[str, "MemoryStorage"]] = {}

    def __init__(self) -> None:
        self.mutex = threading.RLock()
        self.documents: dict[str, bytes] = {}
        self.logs: dict[str, list[bytes]] = {}
        self.packages: dict[str, dict[str, bytes]] = {}
        self.attempts: dict[str, _Work] = {}
        self._locks: dict[str, threading.Lock] = {}

    @classmethod
    def named(cls, name: str) -> "MemoryStorage":
        return cls._named.setdefault(name, cls())

    def read(self, key: str) -> Document:
        with self.mutex:
            data = self.documents.get(check_key(key))
        if data is None:
            raise KeyNotFound(key)
        return Document(data, _etag(data))

    def prepare(self, key: str, data: bytes, when: Condition = ANY) -> Prepared:
        return _PreparedDocument(self, check_key(key), data, when)

    def delete(self, key: str) -> None:
        with self.mutex:
            self.documents.pop(check_key(key), None)

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
        with self.mutex:
            sizes = [(key, len(data)) for key, data in self.documents.items()]
            sizes += [(key, sum(map(len, lines)) + len(lines)) for key, lines in self.logs.items()]
            for package, files in self.packages.items():
                sizes += [(f"{package}/{path}", len(data)) for path, data in files.items()]
        return sizes

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        with self.mutex:
            lines = self.logs.setdefault(check_key(log), [])
            if lines and not _is_complete(lines[-1]):
                lines.pop()
            if len(lines) + 1 != expected_seq:
                raise PreconditionFailed(log)
            lines.append(record)

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        with self.mutex:
            lines = list(self.logs.get(check_key(log), []))
        if lines and not _is_complete(lines[-1]):
            lines.pop()
        yield from ((seq, line) for seq, line in enumerate(lines, start=1) if seq > after)

    def last(self, log: str) -> tuple[int, bytes] | None:
        found = list(self.records(log))
        return found[-1] if found else None

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        return _MemoryStaging(self, check_key(package), attempt)

    def staged(self) -> Iterator[Attempt]:
        with self.mutex:
            attempts = sorted(self.attempts.items())
        for name, work in attempts:
            yield Attempt(name, time.monotonic() - work.made_at, work.alive, not work.files)

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        old = [a.name for a in self.staged() if not a.alive and a.age_s >= min_age_s]
        yield [_MemoryStaging(self, "", name) for name in old]

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        with self.mutex:
            data = self.packages.get(check_key(package), {}).get(check_key(path))
        if data is None:
            raise KeyNotFound(f"{package}/{path}")
        return io.BytesIO(data[start:] if length is None else data[start : start + length])

    def locate(self, package: str) -> str:
        with self.mutex:
            if check_key(package) not in self.packages:
                raise KeyNotFound(package)
        return f"memory:///{package}"

    def sealed(self, package: str) -> bool:
        with self.mutex:
            return package in self.packages

    def retire(self, package: str, grave: str, seq: int) -> None:
        self._move(check_key(package), check_key(grave))

    def reinstate(self, package: str, grave: str, seq: int) -> None:
        self._move(check_key(grave), check_key(package))

    def _move(self, source: str, target: str) -> None:
        with self.mutex:
            files = self.packages.get(source)
            if files is None and target not in self.packages:
                raise KeyNotFound(source)
            if files is not None:
                if target in self.packages:
                    raise PreconditionFailed(target)
                self.packages[target] = self.packages.pop(source)

    def retired(self, package: str, grave: str) -> str | None:
        with self.mutex:
            return grave if grave in self.packages else None

    def erase(self, package: str, grave: str) -> None:
        with self.mutex:
            self.packages.pop(check_key(grave), None)

    @contextmanager
    def lock(self, key: str, timeout_s: float) -> Iterator[None]:
        with self.mutex:
            lock = self._locks.setdefault(check_key(key), threading.Lock())
        if not lock.acquire(timeout=timeout_s):
            raise LockTimeout("Another change to this model is still running. Try again.", retry_after_s=1)
        try:
            yield
        finally:
            lock.release()

    def probe(self, *, for_writing: bool = True) -> int | None:
        return None


class _PreparedDocument(Prepared):
    def __init__(self, storage: MemoryStorage, key: str, data: bytes, when: Condition) -> None:
        self._storage, self._key, self._data, self._when = storage, key, data, when

    def commit(self) -> Document:
        documents = self._storage.documents
        with self._storage.mutex:
            now = documents.get(self._key)
            if self._when is ABSENT and now is not None:
                raise PreconditionFailed(self._key)
            if isinstance(self._when, Match) and (now is None or _etag(now) != self._when.etag):
                raise PreconditionFailed(self._key)
            documents[self._key] = self._data
        return Document(self._data, _etag(self._data))

    def discard(self) -> None:
        """Nothing was set aside."""


class _MemoryStaging(Staging):
    def __init__(self, storage: MemoryStorage, package: str, attempt: str | None) -> None:
        self._package = package
        self.attempt = check_key(attempt or uuid.uuid4().hex)
        self._storage = storage
        self._kept = attempt is not None
        if attempt is None:
            with storage.mutex:
                storage.attempts[self.attempt] = _Work()

    def __exit__(self, *exc_info: object) -> None:
        work = self._storage.attempts.get(self.attempt)
        if not self._kept:
            self.discard()
        elif work is not None:
            work.alive = False

    def add(self, path: str, source: Source) -> Artifact:
        sink = io.BytesIO()
        sha256, size_bytes = source.pour(sink)
        with self._storage.mutex:
            work = self._storage.attempts.setdefault(self.attempt, _Work(alive=False))
            work.files[check_key(path)] = sink.getvalue()
        return Artifact(path, sha256, size_bytes)

    def seal(self) -> None:
        """Memory is as durable as it will get."""

    def reserve(self) -> None:
        with self._storage.mutex:
            if self._package in self._storage.packages:
                raise PreconditionFailed(self._package)

    def keep(self) -> None:
        self._kept = True

    def publish(self, facts: Facts) -> None:
        package = self._package
        self.keep()
        with self._storage.mutex:
            work = self._storage.attempts.pop(self.attempt, None)
            present = package in self._storage.packages
            if work is not None and present:
                self._storage.attempts[self.attempt] = work
                raise PreconditionFailed(package)
            if work is None and not present:
                raise KeyNotFound(package)
            if work is not None:
                self._storage.packages[package] = work.files

    def discard(self) -> None:
        with self._storage.mutex:
            self._storage.attempts.pop(self.attempt, None)


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_complete(record: bytes) -> bool:
    try:
        return isinstance(json.loads(record), dict)
    except (ValueError, RecursionError):
        return False

"""Packages in memory."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...vocabulary.texts import check_key
from ..contract import Artifact, Attempt, Facts, KeyNotFound, Packages, PreconditionFailed, Readable, Source, Staging
from .state import State, Work


class MemoryPackages(Packages):
    """The packages of one root in memory, and the attempts at them."""

    def __init__(self, state: State) -> None:
        self._state = state

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        return MemoryStaging(self._state, check_key(package), attempt)

    def staged(self) -> Iterator[Attempt]:
        with self._state.mutex:
            attempts = sorted(self._state.attempts.items())
        for name, work in attempts:
            yield Attempt(name, time.monotonic() - work.made_at, work.alive, not work.files)

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        old = [a.name for a in self.staged() if not a.alive and a.age_s >= min_age_s]
        yield [MemoryStaging(self._state, "", name) for name in old]

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        with self._state.mutex:
            data = self._state.packages.get(check_key(package), {}).get(check_key(path))
        return slice_of(data, f"{package}/{path}", start, length)

    def locate(self, package: str) -> str:
        with self._state.mutex:
            if check_key(package) not in self._state.packages:
                raise KeyNotFound(package)
        return f"memory:///{package}"

    def sealed(self, package: str) -> bool:
        with self._state.mutex:
            return package in self._state.packages

    def keeps_facts(self) -> bool:
        return False  # the journal is at hand

    def facts(self, package: str) -> Facts | None:
        return None

    def retire(self, package: str, grave: str, seq: int) -> None:
        self._move(check_key(package), check_key(grave))

    def reinstate(self, package: str, grave: str, seq: int) -> None:
        self._move(check_key(grave), check_key(package))

    def _move(self, source: str, target: str) -> None:
        with self._state.mutex:
            files = self._state.packages.get(source)
            if files is None and target not in self._state.packages:
                raise KeyNotFound(source)
            if files is not None:
                if target in self._state.packages:
                    raise PreconditionFailed(target)
                self._state.packages[target] = self._state.packages.pop(source)

    def retired(self, package: str, grave: str) -> str | None:
        with self._state.mutex:
            return grave if grave in self._state.packages else None

    def erase(self, package: str, grave: str) -> None:
        with self._state.mutex:
            self._state.packages.pop(check_key(grave), None)


class MemoryStaging(Staging):
    def __init__(self, state: State, package: str, attempt: str | None) -> None:
        self._package = package
        self.attempt = check_key(attempt or uuid.uuid4().hex)
        self._state = state
        self._kept = attempt is not None
        if attempt is None:
            with state.mutex:
                state.attempts[self.attempt] = Work()

    def __exit__(self, *exc_info: object) -> None:
        work = self._state.attempts.get(self.attempt)
        if not self._kept:
            self.discard()
        elif work is not None:
            work.alive = False

    def add(self, path: str, source: Source) -> Artifact:
        sink = io.BytesIO()
        sha256, size_bytes = source.pour(sink)
        self.put(path, sink.getvalue())
        return Artifact(path, sha256, size_bytes)

    def put(self, path: str, data: bytes) -> None:
        """The file is staged."""
        with self._state.mutex:
            work = self._state.attempts.setdefault(self.attempt, Work(alive=False))
            work.files[check_key(path)] = data

    def seal(self) -> None:
        """Memory is as durable as it will get."""

    def open(self, path: str, start: int = 0, length: int | None = None) -> Readable:
        with self._state.mutex:
            work = self._state.attempts.get(self.attempt)
            data = work.files.get(check_key(path)) if work is not None else None
        return slice_of(data, path, start, length)

    def reserve(self) -> None:
        with self._state.mutex:
            if self._package in self._state.packages:
                raise PreconditionFailed(self._package)

    def keep(self) -> None:
        self._kept = True

    def publish(self, facts: Facts) -> None:
        package = self._package
        self.keep()
        with self._state.mutex:
            work = self._state.attempts.pop(self.attempt, None)
            present = package in self._state.packages
            if work is not None and present:
                self._state.attempts[self.attempt] = work
                raise PreconditionFailed(package)
            if work is None and not present:
                raise KeyNotFound(package)
            if work is not None:
                self._state.packages[package] = work.files

    def discard(self) -> None:
        with self._state.mutex:
            self._state.attempts.pop(self.attempt, None)


def slice_of(data: bytes | None, name: str, start: int, length: int | None) -> Readable:
    if data is None:
        raise KeyNotFound(name)
    return io.BytesIO(data[start:] if length is None else data[start : start + length])

"""Memory as a storage that fails, is slow or is used by others at the very moment that a test names.

``acts.first(name, act)`` has ``act`` done at the next call of that name, in place of it: ``act`` is given the real
call and makes it, or does not. Everything else is the memory storage's own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from registry_core.storage.contract import ANY, Condition, Document, Facts, Prepared, Readable, Staging
from registry_core.storage.memory.documents import MemoryDocuments
from registry_core.storage.memory.packages import MemoryPackages, MemoryStaging
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.memory.state import State
from registry_core.vocabulary.errors import StorageUnavailable

Act = Callable[[Callable[[], Any]], Any]


class Acts:
    """What is done at which call. ``calls``: the names of the calls so far, in order.

    ``open_writes``: the keys of prepared writes that still hold space.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.open_writes: set[str] = set()
        self._waiting: dict[str, deque[Act]] = {}

    def first(self, name: str, *acts: Act) -> None:
        self._waiting.setdefault(name, deque()).extend(acts)

    def do(self, name: str, real: Callable[[], Any]) -> Any:
        self.calls.append(name)
        waiting = self._waiting.get(name)
        return waiting.popleft()(real) if waiting else real()

    def forget(self) -> None:
        """Nothing that waits is done any more."""
        self._waiting.clear()

    def during(self, work: Callable[[], object]) -> list[str]:
        """The calls that the work makes, whether it succeeds or not."""
        before = len(self.calls)
        with suppress(Exception):  # whatever becomes of it: these are the calls
            work()
        return self.calls[before:]


class Simulated(MemoryStorage):
    """Others use the same storage; what they do counts, and meets acts, as well.

    ``shows_only_durable`` false: a record of a log that can be read may still be lost. ``failures_are_final`` false:
    a read that fails says nothing of the bytes, as that of a store over a network.
    """

    def __init__(self, *, shows_only_durable: bool = True, failures_are_final: bool = True) -> None:
        super().__init__()
        self.acts = Acts()
        self.documents = _Documents(self.state, self.acts, shows_only_durable)
        self.packages = _Packages(self.state, self.acts)
        self._failures_are_final = failures_are_final

    def failure_is_final(self, error: Exception) -> bool:
        return self._failures_are_final

    def probe(self, *, for_writing: bool = True) -> int | None:
        found: int | None = self.acts.do("probe", lambda: super(Simulated, self).probe(for_writing=for_writing))
        return found

    def check_guarantees(self) -> None:
        self.acts.do("check_guarantees", lambda: super(Simulated, self).check_guarantees())


class _Documents(MemoryDocuments):
    def __init__(self, state: State, acts: Acts, shows_only_durable: bool) -> None:
        super().__init__(state)
        self._acts = acts
        self._shows_only_durable = shows_only_durable

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        self._acts.do("append", lambda: super(_Documents, self).append(log, record, expected_seq))

    def record(self, log: str, seq: int) -> bytes | None:
        found: bytes | None = self._acts.do("record", lambda: super(_Documents, self).record(log, seq))
        return found

    def sync(self, log: str, is_needed: Callable[[], bool]) -> None:
        if not self._shows_only_durable and is_needed():
            self._acts.do("sync", lambda: None)

    def forget(self, log: str) -> None:
        self._acts.do("forget", lambda: super(_Documents, self).forget(log))

    def prepare(self, key: str, data: bytes, when: Condition = ANY, *, is_private: bool = False) -> Prepared:
        parent = super()
        real = self._acts.do("prepare", lambda: parent.prepare(key, data, when, is_private=is_private))
        return _Watched(self._acts, key, real)

    @contextmanager
    def lock(self, key: str, timeout_s: float) -> Iterator[None]:
        self._acts.do("lock", lambda: None)
        with super().lock(key, timeout_s):
            yield


class _Watched(Prepared):
    def __init__(self, acts: Acts, key: str, real: Prepared) -> None:
        self._acts, self._key, self._real = acts, key, real
        acts.open_writes.add(key)

    def switch(self) -> Document:
        document: Document = self._acts.do("switch", self._real.switch)
        self._acts.open_writes.discard(self._key)
        return document

    def discard(self) -> None:
        self._acts.open_writes.discard(self._key)
        self._real.discard()


class _Packages(MemoryPackages):
    def __init__(self, state: State, acts: Acts) -> None:
        super().__init__(state)
        self._acts = acts

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        return _Staging(self._acts, self._state, package, attempt)

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        with super().sweep(min_age_s) as old:
            yield [_Staging(self._acts, self._state, "", staging.attempt) for staging in old]

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        found: Readable = self._acts.do("open", lambda: super(_Packages, self).open(package, path, start, length))
        return found

    def retired(self, package: str, grave: str) -> str | None:
        found: str | None = self._acts.do("retired", lambda: super(_Packages, self).retired(package, grave))
        return found


class _Staging(MemoryStaging):
    def __init__(self, acts: Acts, state: State, package: str, attempt: str | None) -> None:
        super().__init__(state, package, attempt)
        self._acts = acts

    def seal(self) -> None:
        self._acts.do("seal", lambda: super(_Staging, self).seal())

    def discard(self) -> None:
        self._acts.do("discard", lambda: super(_Staging, self).discard())

    def publish(self, facts: Facts) -> None:
        self._acts.do("publish", lambda: super(_Staging, self).publish(facts))


# acts


def fails(error: Exception) -> Act:
    """The call is not made, and raises the error."""

    def act(real: Callable[[], Any]) -> NoReturn:
        raise error

    return act


def takes_effect_and_fails(error: Exception) -> Act:
    def act(real: Callable[[], Any]) -> NoReturn:
        real()
        raise error

    return act


def after(other: Callable[[], object]) -> Act:
    """Somebody else is faster: the call is made when the other has done that."""

    def act(real: Callable[[], Any]) -> Any:
        other()
        return real()

    return act


def away() -> StorageUnavailable:
    """The storage says for certain that nothing was done."""
    return StorageUnavailable("The storage is away.", retry_after_s=1)

"""Those who read models while the catalogue is built: this process, threads of it, or a few others.

Few versions are read right here. Where there are many, other processes read them if they can open the root by its
path; of a store over a network, threads, since there it is waiting that takes long. What is unpickled is written by a
process that this one has started, and by nobody else.
"""

from __future__ import annotations

import json
import logging
import pickle  # nosec B403
import subprocess  # nosec B404
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from typing import Any, TypeVar

from ..storage.contract import Storage
from . import worker

log = logging.getLogger(__name__)

G = TypeVar("G")
T = TypeVar("T")

ALONE_VERSIONS = 2_000  # are read before a process is started for the rest
MOST_PROCESSES = 4
THREADS = 16
_MAIN = f"import json, sys; sys.path[:] = json.loads(sys.argv[2]); from {worker.__name__} import main; main()"


class Crew:
    """Does what is given to it; a context manager, after which nobody of it is left."""

    def __init__(self, storage: Storage, processes: int) -> None:
        self._storage = storage
        self._directory = storage.directory()
        self._processes = min(processes, MOST_PROCESSES)
        self._pool: ThreadPoolExecutor | None = None
        self._hands: SimpleQueue[_Hand] = SimpleQueue()
        self._all: list[_Hand] = []
        self._read = 0
        if not storage.documents.looks_are_cheap():
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="catalogue")

    def each(self, work: Callable[[Storage, G], T], given: Iterable[G]) -> Iterator[T]:
        """``work(storage, one)`` of each that is given, in order; some of it is done ahead.

        ``work`` is a function of :mod:`.whole_model`.
        """
        todo = iter(given)
        ahead: deque[Future[T]] = deque()
        while True:
            wanted = 2 * (len(self._all) or THREADS) if self._pool is not None else 1
            for one in islice(todo, max(0, wanted - len(ahead))):
                ahead.append(self._submit(work, one))
            if not ahead:
                return
            yield ahead.popleft().result()

    def _submit(self, work: Callable[[Storage, G], T], given: G) -> Future[T]:
        if self._pool is not None:
            return self._pool.submit(self._by_hand if self._all else self._here, work, given)
        done: Future[T] = Future()
        done.set_result(self._here(work, given))
        return done

    def count(self, versions: int) -> None:
        """So many have been read: the more there are, the more others help."""
        self._read += versions
        if self._pool is None and self._read > ALONE_VERSIONS and self._directory is not None and self._processes > 1:
            self._gather(self._directory)

    def _here(self, work: Callable[[Storage, G], T], given: G) -> T:
        return work(self._storage, given)

    def _gather(self, directory: str) -> None:
        try:
            for _ in range(self._processes):
                self._all.append(_Hand(directory))
                self._hands.put(self._all[-1])
        except OSError as error:
            log.warning("the catalogue is built by fewer processes: %s", error)
        if self._all:
            self._pool = ThreadPoolExecutor(len(self._all), thread_name_prefix="catalogue")
        self._processes = 0  # it is tried once

    def _by_hand(self, work: Callable[[Storage, G], T], given: G) -> T:
        hand = self._hands.get()
        try:
            is_done, found, logged = hand.do(work.__name__, given)
        except Exception as error:  # noqa: BLE001 - it was killed, or is of another release: then it is done here
            log.warning("a process that was to read models does not: %r", error)
            return work(self._storage, given)
        finally:
            self._hands.put(hand)
        for level, name, message in logged:
            logging.getLogger(name).log(level, "%s", message)
        # What it cannot do is tried here, where what it raises can be told.
        return found if is_done else work(self._storage, given)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        for hand in self._all:
            hand.end()


class _Hand:
    """Another process that reads models of the directory."""

    def __init__(self, directory: str) -> None:
        self._process = subprocess.Popen(  # nosec B603
            [sys.executable, "-c", _MAIN, directory, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def do(self, work: str, given: object) -> tuple[bool, Any, list[tuple[int, str, str]]]:
        """(whether it was done, what came of it, what is to be logged). Raises ``OSError``, ``EOFError``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((work, given), self._process.stdin, pickle.HIGHEST_PROTOCOL)
        self._process.stdin.flush()
        answer: tuple[bool, Any, list[tuple[int, str, str]]] = pickle.load(self._process.stdout)  # nosec B301
        return answer

    def end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.kill()  # it holds nothing
        self._process.wait()

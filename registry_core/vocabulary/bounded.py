"""What is remembered because it is dear to find again, and forgotten where it becomes too much."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Values by key whose weights together never pass ``limit``; the one asked for longest ago goes first. Thread-safe.

    ``weigh`` says what a value weighs, always the same for the same value; by default each weighs one, so that
    ``limit`` is their number. A value that is None counts as not remembered.
    """

    def __init__(self, limit: int, weigh: Callable[[V], int] = lambda _: 1) -> None:
        self._limit = limit
        self._weigh = weigh
        self._weight = 0
        self._values: OrderedDict[K, V] = OrderedDict()
        self._mutex = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value, which is now the last to be forgotten; None if it is not remembered."""
        with self._mutex:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: K, value: V) -> None:
        """The value takes the place of the key's last one; one that is over the limit by itself is not remembered."""
        weight = self._weigh(value)
        with self._mutex:
            self._drop(key)
            if weight > self._limit:
                return
            self._values[key] = value
            self._weight += weight
            while self._weight > self._limit:
                self._weight -= self._weigh(self._values.popitem(last=False)[1])

    def forget(self, key: K) -> V | None:
        """The value is no longer remembered. It is returned: of several threads one gets it, the others None."""
        with self._mutex:
            return self._drop(key)

    def _drop(self, key: K) -> V | None:
        value = self._values.pop(key, None)
        if value is not None:
            self._weight -= self._weigh(value)
        return value

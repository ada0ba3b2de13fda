"""Answers of the catalogue that are remembered for as long as it does not change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Kept(Generic[V]):
    """The last answers that together take at most so many bytes. Thread-safe.

    A question holds the state of the catalogue, so what is not true any more is not asked for again.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._room = limit_bytes
        self._answers: OrderedDict[object, tuple[V, int]] = OrderedDict()
        self._mutex = threading.Lock()

    def get(self, question: object) -> V | None:
        with self._mutex:
            if question not in self._answers:
                return None
            self._answers.move_to_end(question)
            return self._answers[question][0]

    def put(self, question: object, answer: V, size_bytes: int) -> None:
        with self._mutex:
            if question not in self._answers:
                self._answers[question] = (answer, size_bytes)
                self._room -= size_bytes
            while self._room < 0:
                self._room += self._answers.popitem(last=False)[1][1]

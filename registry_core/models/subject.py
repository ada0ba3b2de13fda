"""Whose journal a change goes to: one model, or the registry itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from ..format.chain import Line
from ..storage.contract import Storage
from .journal import Journal
from .projections import Projection

Event = Mapping[str, Any]


class Subject(ABC):
    """A journal, its lock, and what follows its events. Making one touches nothing."""

    def __init__(self, storage: Storage, key: str, journal: Journal, lock_timeout_s: float) -> None:
        self.storage = storage
        self.key = key
        self.journal = journal
        self.lock_timeout_s = lock_timeout_s

    @property
    @abstractmethod
    def title(self) -> str:
        """What to call it in a sentence."""

    def lock(self) -> AbstractContextManager[None]:
        """Nobody else changes it meanwhile, where the storage has locks. Raises ``LockTimeout``."""
        return self.storage.documents.lock(self.key, self.lock_timeout_s)

    @abstractmethod
    def names(self) -> dict[str, Any]:
        """What each of its events says of whose it is."""

    @abstractmethod
    def last_event(self, last: Line | None) -> tuple[Event | None, frozenset[str]]:
        """(our event that may not be finished yet, documents that others have written since); ``last`` ends the log."""

    @abstractmethod
    def documents_of(self, event: Event) -> list[Projection]:
        """The documents that the event changes."""

    @abstractmethod
    def follow(self, event: Event) -> None:
        """Whatever the event says beside documents is true. Repeatable.

        Raises ``KeyNotFound`` and ``PreconditionFailed`` where that cannot be.
        """

    @abstractmethod
    def recover(self, event: Event) -> None:
        """As :meth:`follow`, after a crash; what cannot be done is logged, and never invented."""

    @abstractmethod
    def behind(self, event: Event) -> list[str]:
        """What the event says beside documents and is not true yet, in words. Writes nothing."""

    @abstractmethod
    def changed(self) -> None:
        """Called after each change, by whoever made it."""

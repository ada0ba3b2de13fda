"""The storage contract in this process's memory."""

from __future__ import annotations

from typing import ClassVar

from ..contract import Storage
from .documents import MemoryDocuments
from .packages import MemoryPackages
from .state import State
from .uploads import MemoryUploads


class MemoryStorage(Storage):
    """Lost with the process. ``named`` gives every caller in the process the same one."""

    _named: ClassVar[dict[str, MemoryStorage]] = {}

    def __init__(self) -> None:
        self.state = State()
        super().__init__(MemoryDocuments(self.state), MemoryPackages(self.state), MemoryUploads(self.state))

    @classmethod
    def named(cls, name: str) -> MemoryStorage:
        return cls._named.setdefault(name, cls())

    def check_guarantees(self) -> None:
        """There is nothing to prove."""

    def probe(self, *, for_writing: bool = True) -> int | None:
        return None

"""The door for whoever decides which models may be seen; nothing stands in it by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..vocabulary.owners import Ownership

CanSee = Callable[[str, str, Ownership], bool]


class Visible(Protocol):
    """Asked before anything is matched, sorted, limited or counted over more than one model."""

    def can_see(self) -> CanSee | None:
        """Whether the model of that task, name and ownership may be seen; None: all of them."""


class Everything:
    """Whoever asks may see every model."""

    def can_see(self) -> None:
        return None

"""The door for whoever decides which models may be seen; nothing stands in it by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Visible(Protocol):
    """Asked before anything is matched, sorted, limited or counted over more than one model."""

    def can_see(self) -> Callable[[str, str], bool] | None:
        """Whether the model of that task and name may be seen; None: all of them."""


class Everything:
    """Whoever asks may see every model."""

    def can_see(self) -> None:
        return None

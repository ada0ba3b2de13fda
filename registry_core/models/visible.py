"""The door for whoever decides which models may be seen; nothing stands in it by itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Visible(Protocol):
    """Asked before anything is matched, sorted, limited or counted over more than one model."""

    def models(self) -> Collection[tuple[str, str]] | None:
        """(task, model_name) of the models that may be seen; None: all of them."""


class Everything:
    """Whoever asks may see every model."""

    def models(self) -> None:
        return None

"""The door for whoever decides which version an alias may come to name; nothing stands in it by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..vocabulary.errors import RegistryError
from .model import ModelStore


@dataclass(frozen=True)
class Verdict:
    """``refusal`` is why the alias may not move, if it may not; ``says`` is what the event records of the verdict."""

    refusal: RegistryError | None = None
    says: Mapping[str, Any] = field(default_factory=dict)


class Gate(Protocol):
    """Asked wherever an alias comes to name a version, with the model held."""

    def judge(self, model: ModelStore, alias: str, version: str) -> Verdict:
        """The verdict as everything stands now. Writes nothing."""

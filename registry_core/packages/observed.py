"""The door for whoever looks at a package as it is taken in, and has something to say of it in its event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..models.model import ModelStore
from ..storage.contract import Staging
from ..vocabulary.artifact import Artifact


@dataclass(frozen=True)
class Incoming:
    """A package that is hashed and sealed, and no version yet. ``artifacts`` are all its files but the manifest."""

    model: ModelStore
    version: str
    package_digest: str
    artifacts: Sequence[Artifact]
    staging: Staging


class Observer(Protocol):
    """Asked once for each package, after it was hashed and before the model is held."""

    def observe(self, incoming: Incoming) -> Mapping[str, Any]:
        """What the event says of it beside what all say: a field by its name. What it raises refuses the package."""


def observe(observers: Iterable[Observer], incoming: Incoming) -> dict[str, Any]:
    """What all of them say."""
    return {name: value for one in observers for name, value in one.observe(incoming).items()}

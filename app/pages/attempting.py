"""A change that is tried from a form: it is made, or the form's page is shown again and says why it was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from registry_core import Conflict, IntegrityError, InvalidInput, NotFound, RegistryError, StorageError

from ..web.errors import TABLE, Busy
from ..web.gate import may_wait

T = TypeVar("T")

# What a person can do something about where they are; whoever may not do it at all is told by a page of its own.
REFUSALS = (Conflict, IntegrityError, InvalidInput, NotFound, StorageError, Busy)


@dataclass(frozen=True)
class Failure:
    """Why nothing was changed. ``moved``: how the alias is, where it is not as the page had shown it."""

    status: int
    text: str
    moved: dict[str, Any] | None = None


def failure(error: Exception) -> Failure:
    """What a page that is shown again says of one of ``REFUSALS``."""
    if isinstance(error, RegistryError):
        return Failure(TABLE[type(error)], error.message)
    return Failure(503, "Too many long calls are running. Nothing was changed; try again.")


@may_wait
def waiting(call: Callable[[], T]) -> T:
    """What the call gives, which may wait for a lock. Raises ``Busy``."""
    return call()

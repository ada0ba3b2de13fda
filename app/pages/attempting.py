"""A change that is tried from a form: it is made, or the form's page is shown again and says why it was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import request

from registry_core import (
    AliasMoved,
    Conflict,
    GateNotMet,
    IntegrityError,
    InvalidInput,
    InvalidParameter,
    NotFound,
    RegistryError,
    StorageError,
)

from ..web.errors import TABLE, Busy
from ..web.gate import may_wait

T = TypeVar("T")

# What a person can do something about where they are; whoever may not do it at all is told by a page of its own.
REFUSALS = (Conflict, IntegrityError, InvalidInput, InvalidParameter, NotFound, StorageError, Busy)


@dataclass(frozen=True)
class Failure:
    """Why nothing was changed. ``moved``: how the alias is, where it is not as the page had shown it; ``is_gate``: a
    policy refuses it."""

    status: int
    text: str
    moved: dict[str, Any] | None = None
    is_gate: bool = False


def failure(error: Exception) -> Failure:
    """What a page that is shown again says of one of ``REFUSALS``. Raises it for whoever asks for no page."""
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) != "text/html":
        raise error
    if isinstance(error, RegistryError):
        moved = error.detail if isinstance(error, AliasMoved) else None
        return Failure(TABLE[type(error)], error.message, moved, isinstance(error, GateNotMet))
    return Failure(503, "Too many long calls are running. Nothing was changed; try again.")


def no_reason() -> InvalidParameter:
    """The failure of a form that does not say why."""
    return InvalidParameter("Say why: what is written here stays in the journal.", field="reason")


@may_wait
def waiting(call: Callable[[], T]) -> T:
    """What the call gives, which may wait for a lock. Raises ``Busy``."""
    return call()

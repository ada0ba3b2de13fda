"""Long work that the server does in the background: started, followed, and begun again where a worker died."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from registry_core import (
    Progress,
    ProgressCallback,
    StorageUnavailable,
)

from .answers import strange
from .problems import from_document, status_of

SHORTEST_POLL_S = 0.1
LONGEST_POLL_S = 2.0
REPEATS = 3


@dataclass(frozen=True)
class Operation:
    """A running or finished call. ``state``: running, succeeded, failed or interrupted (its worker died)."""

    operation_id: str
    state: str
    verb: str | None = None
    progress: Progress | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    created_at: str | None = None
    updated_at: str | None = None
    expires_at: str | None = None


def finish(
    begin: Callable[[], Operation | dict[str, Any]],
    look: Callable[[str], Operation],
    progress: ProgressCallback | None,
) -> dict[str, Any]:
    """The answer of the call, once it is done. An interrupted one is begun again, a few times.

    ``begin`` gives the operation, or the answer itself where the server did not take it as one.
    Raises what the call raised, and ``StorageUnavailable`` if it is interrupted again and again.
    """
    for _ in range(REPEATS):
        begun = begin()
        if isinstance(begun, dict):
            return begun
        operation = _follow(begun, look, progress)
        if operation.state == "succeeded" and operation.result is not None:
            return operation.result
        if operation.state == "failed":
            document = operation.error or {}
            raise from_document(status_of(document), document)
        if operation.state != "interrupted":
            raise strange(Operation, "its state is none")
    raise StorageUnavailable(
        f"The registry was interrupted {REPEATS} times while it worked on this. Look at its log.",
        operation_id=operation.operation_id,
    )


def _follow(operation: Operation, look: Callable[[str], Operation], progress: ProgressCallback | None) -> Operation:
    pause_s = SHORTEST_POLL_S
    told: Progress | None = None
    while True:
        if progress is not None and operation.progress is not None and operation.progress != told:
            told = operation.progress
            progress(told)
        if operation.state != "running":
            return operation
        time.sleep(pause_s * random.uniform(0.5, 1.0))
        pause_s = min(pause_s * 1.5, LONGEST_POLL_S)
        operation = look(operation.operation_id)

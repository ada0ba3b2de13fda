"""Before the first change: the store does what one winner depends on, or it is refused."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Protocol

from ...vocabulary.errors import NotConfigured, StorageUnavailable
from ..contract import ABSENT, Condition, Document, Match, PreconditionFailed


class Objects(Protocol):
    """The small objects of a store."""

    def put(self, key: str, data: bytes, when: Condition) -> Document: ...

    def delete(self, key: str) -> None: ...

    def modified_at(self, key: str) -> float: ...


def check_conditions(objects: Objects, directory: str) -> float:
    """Create-if-absent and compare-and-swap hold, as far as one writer can see; what time it is by the store's clock.

    Leaves nothing below ``directory``. Raises ``NotConfigured`` saying what the store fails to do.
    """
    key = f"{directory}/probe-{uuid.uuid4().hex}.json"
    try:
        first = _try(objects, "create an object", key, b"1", ABSENT)
        _must_fail(objects, "refuse to create an object that is there", key, b"2", ABSENT)
        _try(objects, "replace an object whose ETag matches", key, b"3", Match(first.etag))
        _must_fail(objects, "refuse to replace an object whose ETag has changed", key, b"4", Match(first.etag))
        _must_fail(objects, "refuse to create an object that was replaced", key, b"5", ABSENT)
        return objects.modified_at(key)
    finally:
        with suppress(StorageUnavailable):
            objects.delete(key)


def _try(objects: Objects, what: str, key: str, data: bytes, when: Condition) -> Document:
    try:
        return objects.put(key, data, when)
    except PreconditionFailed:
        raise _untrusted(what) from None


def _must_fail(objects: Objects, what: str, key: str, data: bytes, when: Condition) -> None:
    with suppress(PreconditionFailed):
        objects.put(key, data, when)
        raise _untrusted(what)


def _untrusted(what: str) -> NotConfigured:
    return NotConfigured(
        f"This object store does not {what}. Without that two replicas could both win, so the registry refuses it. "
        "Use a store with conditional writes, or a filesystem root.",
        reason="store_lacks_conditional_writes",
    )

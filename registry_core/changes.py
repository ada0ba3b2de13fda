"""How an event becomes true: append it, then make its projections; finish what a crash left undone.

:func:`change` is the only way to change a model, and :func:`commit` the only way to append an event.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from . import aliases
from .errors import LockTimeout, RegistryError, StorageError, StorageUnavailable
from .journal import Line
from .models import ModelStore
from .storage.base import Facts, KeyNotFound, PreconditionFailed, Prepared, Staging

log = logging.getLogger(__name__)

MAX_BACKOFF_S = 0.05

T = TypeVar("T")


def change(model: ModelStore, decide: Callable[[Line | None], T]) -> T:
    """What ``decide`` returns, called with the model held, what crashes left finished, and the
    journal's last line.

    Where a storage has no locks, another writer may take the next place in the journal first
    (``PreconditionFailed`` from the append, before anything has changed): then it is decided anew,
    until the lock timeout. Raises ``LockTimeout``, and whatever ``decide`` raises.
    """
    model.storage.check_guarantees()
    deadline = time.monotonic() + model.lock_timeout_s
    while True:
        with model.storage.lock(model.keys.model, model.lock_timeout_s):
            last = finish(model)
            try:
                return decide(last)
            except PreconditionFailed:
                if time.monotonic() >= deadline:
                    raise LockTimeout(
                        f"Other changes to {model.title} kept coming first. Nothing was changed; try again.",
                        retry_after_s=2,
                    ) from None
        time.sleep(random.uniform(0, MAX_BACKOFF_S))


def commit(model: ModelStore, event: dict[str, Any], staging: Staging | None = None) -> None:
    """The event is in the journal and true. Call from within :func:`change`.

    Raises ``PreconditionFailed`` and ``StorageError`` with nothing changed. After the append the
    change stands, and what fails then is a ``StorageUnavailable`` with ``committed: true``; where the
    storage cannot say whether the append took effect, ``committed`` is null.
    """
    alias = aliases.prepare(model.storage, model.keys, event) if event["alias"] is not None else None
    try:
        try:
            model.journal.append(event)
        except StorageUnavailable as error:
            if "committed" not in error.detail:
                raise
            # The event may stand or come to stand: its bytes must not be discarded.
            if staging is not None:
                staging.keep()
            if not _stands(model, event):
                raise
        if staging is not None:
            staging.keep()
        try:
            if staging is not None:
                staging.publish(facts_of(event))
            if alias is not None:
                _show_alias(model, alias, event)
        except (RegistryError, KeyNotFound, PreconditionFailed) as error:
            raise _unfinished(model, event, error) from error
    finally:
        if alias is not None:
            alias.discard()


def _stands(model: ModelStore, event: dict[str, Any]) -> bool:
    try:
        line = model.journal.line(event["seq"])
    except StorageError:
        return False
    return line is not None and line.fields == event


def _show_alias(model: ModelStore, prepared: Prepared, event: Mapping[str, Any]) -> None:
    try:
        prepared.commit()
    except PreconditionFailed:
        aliases.write(model.storage, model.keys, event)  # another replica was faster to finish it


def _unfinished(model: ModelStore, event: Mapping[str, Any], cause: Exception) -> StorageUnavailable:
    log.error("%s: event %s stands but is not finished: %s", model.title, event["seq"], cause)
    return StorageUnavailable(
        "The change is recorded and will be completed by the next change to this model or by a sweep, "
        "but the storage failed before it became visible. Do not send it again.",
        committed=True,
        seq=event["seq"],
        retry_after_s=5,
    )


def finish(model: ModelStore) -> Line | None:
    """Make true whatever the last event says; call with the lock held. Returns the last line."""
    last = model.journal.last()
    event, superseded = _last_own(model, last)
    if event is not None:
        if _lacks_package(model, event):
            _publish(model, event)
        if _moves_alias(event, superseded):
            aliases.write(model.storage, model.keys, event)
    return last


def finish_pending(model: ModelStore) -> bool:
    """Finish what a crash left, if anything; whether there was. Raises ``LockTimeout``."""
    if not pending(model):
        return False
    with model.storage.lock(model.keys.model, model.lock_timeout_s):
        finish(model)
    return True


def pending(model: ModelStore) -> list[str]:
    """What the last event says that is not true yet; empty if nothing. Writes nothing."""
    event, superseded = _last_own(model, model.journal.last())
    if event is None:
        return []
    steps = []
    if _lacks_package(model, event):
        steps.append(f"version {event['version']} is registered but not published")
    if _moves_alias(event, superseded) and aliases.is_behind(model.storage, model.keys, event):
        steps.append(f"alias {event['alias']} does not name {event['version']} yet")
    return steps


def _last_own(model: ModelStore, last: Line | None) -> tuple[Mapping[str, Any] | None, frozenset[str]]:
    """(our last event, the aliases that older software has moved since)."""
    if last is None or last.is_own:
        return (last.fields if last else None), frozenset()
    own: Line | None = None
    since: set[str] = set()
    for line in model.journal.lines():
        if line.is_own:
            own, since = line, set()
        elif isinstance(line.get("alias"), str):
            since.add(line.get("alias"))
    return (own.fields if own else None), frozenset(since)


def _lacks_package(model: ModelStore, event: Mapping[str, Any]) -> bool:
    if event["event"] != "register":
        return False
    return not model.storage.sealed(model.keys.package(event["version"]))


def _moves_alias(event: Mapping[str, Any], superseded: frozenset[str]) -> bool:
    return bool(event.get("alias")) and event["alias"] not in superseded


def _publish(model: ModelStore, event: Mapping[str, Any]) -> None:
    try:
        model.storage.stage(model.keys.package(event["version"]), event["attempt"]).publish(facts_of(event))
    except (KeyNotFound, PreconditionFailed):
        # The staged bytes are gone, or others stand in their place: nothing may be invented or
        # replaced. `check` reports the version; the model stays usable.
        log.error("%s: version %s of event %s cannot be published", model.title, event["version"], event["seq"])


def facts_of(event: Mapping[str, Any]) -> Facts:
    """What a register event says of its package."""
    return Facts(event["seq"], event["package_digest"])

"""How an event becomes true: append it, then make its projections; finish what a crash left undone.

:func:`change` is the only way to change a model, and :func:`commit` the only way to append an event.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from ..format.chain import Line
from ..format.events import DELETE, PURGE, REGISTER, RESTORE
from ..storage.contract import Facts, KeyNotFound, PreconditionFailed, Staging
from ..vocabulary.errors import LockTimeout, RegistryError, StorageError, StorageUnavailable
from . import aliases, manifests, package_moves, projections, states, tombstones
from .model import ModelStore
from .projections import Draft, Projection

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
    model.storage.probe()
    model.storage.check_guarantees()
    deadline = time.monotonic() + model.lock_timeout_s
    while True:
        with model.storage.lock(model.keys.model, model.lock_timeout_s):
            last = finish(model)
            try:
                result = decide(last)
                break
            except PreconditionFailed:
                if time.monotonic() >= deadline:
                    raise LockTimeout(
                        f"Other changes to {model.title} kept coming first. Nothing was changed; try again.",
                        retry_after_s=2,
                    ) from None
        time.sleep(random.uniform(0, MAX_BACKOFF_S))
    _tell(model)
    return result


def _tell(model: ModelStore) -> None:
    """Whoever follows the model hears of the change, which stands whatever becomes of that."""
    try:
        model.changed()
    except Exception:
        log.exception("%s: a follower failed", model.title)


def commit(model: ModelStore, event: dict[str, Any], staging: Staging | None = None) -> None:
    """The event is in the journal and true. Call from within :func:`change`.

    Raises ``PreconditionFailed`` and ``StorageError`` with nothing changed. After the append the
    change stands, and what fails then is a ``StorageUnavailable`` with ``committed: true``; where the
    storage cannot say whether the append took effect, ``committed`` is null.
    """
    with ExitStack() as set_aside:
        drafts = []
        for projection in documents_of(model, event):
            drafts.append(Draft(model.storage, projection))
            set_aside.callback(drafts[-1].discard)
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
        with standing(model, event):
            if staging is not None:
                staging.publish(facts_of(event))
            package_moves.follow(model, event)
            for draft in drafts:
                draft.commit()


def commit_next(
    model: ModelStore,
    last: Line | None,
    event: str,
    *,
    version: str | None,
    actor: str | None,
    reason: str | None,
    alias: str | None = None,
    previous_version: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The event that follows ``last``, committed; ``more`` are fields of its own. As :func:`commit`."""
    fields = {
        "event": event,
        "task": model.keys.task,
        "model_name": model.keys.model_name,
        "version": version,
        "alias": alias,
        "previous_version": previous_version,
        "actor": actor,
        "reason": reason,
        "package_digest": None if version is None else manifests.package_digest(model, version),
        "attempt": uuid.uuid4().hex,
        **more,
    }
    drafted = model.journal.draft(last, fields)
    commit(model, drafted)
    return drafted


def documents_of(model: ModelStore, event: Mapping[str, Any]) -> list[Projection]:
    """The documents that the event changes."""
    found = []
    if isinstance(event.get("alias"), str):
        found.append(aliases.projection(model.keys, event))
    if event.get("set") is not None:
        found.append(states.projection(model.keys, event, model.journal.lines))
    if event["event"] in (DELETE, RESTORE, PURGE):
        found.append(tombstones.projection(model.keys, event))
    return found


def _stands(model: ModelStore, event: dict[str, Any]) -> bool:
    try:
        line = model.journal.line(event["seq"])
    except StorageError:
        return False
    return line is not None and line.fields == event


@contextmanager
def standing(model: ModelStore, event: Mapping[str, Any]) -> Iterator[None]:
    """The event is in the journal: what fails here is a ``StorageUnavailable`` with ``committed: true``."""
    try:
        yield
    except (RegistryError, KeyNotFound, PreconditionFailed) as error:
        raise _unfinished(model, event, error) from error


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
        if not model.storage.shows_only_durable and _steps(model, event, superseded):
            # Its writer may have died before its own fsync; what a power cut can take back is not shown.
            model.journal.sync()
        if _lacks_package(model, event):
            _publish(model, event)
        _follow(model, event)
        for projection in documents_of(model, event):
            if projection.key not in superseded:
                projections.write(model.storage, projection)
    return last


def settle(model: ModelStore, version: str) -> None:
    """The version is published, if an event registers it and only a crash has come in between."""
    if not model.has_version(version):
        finish_pending(model)


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
    return _steps(model, event, superseded) if event is not None else []


def _steps(model: ModelStore, event: Mapping[str, Any], superseded: frozenset[str]) -> list[str]:
    steps = []
    if _lacks_package(model, event):
        steps.append(f"version {event['version']} is registered but not published")
    if package_moves.is_behind(model, event):
        steps.append(f"version {event['version']} is not moved as its {event['event']} says")
    for projection in documents_of(model, event):
        if projection.key not in superseded and projections.is_behind(model.storage, projection):
            steps.append(projection.title)
    return steps


def _last_own(model: ModelStore, last: Line | None) -> tuple[Mapping[str, Any] | None, frozenset[str]]:
    """(our last event, the documents of aliases that older software has moved since)."""
    if last is None or last.is_own:
        return (last.fields if last else None), frozenset()
    own: Line | None = None
    since: set[str] = set()
    for line in model.journal.lines():
        if line.is_own:
            own, since = line, set()
        elif isinstance(line.get("alias"), str):
            since.add(model.keys.alias(line.get("alias")))
    return (own.fields if own else None), frozenset(since)


def _lacks_package(model: ModelStore, event: Mapping[str, Any]) -> bool:
    if event["event"] != REGISTER or event.get("adopted"):
        return False
    return not model.storage.sealed(model.keys.package(event["version"]))


def _follow(model: ModelStore, event: Mapping[str, Any]) -> None:
    try:
        package_moves.follow(model, event)
    except (KeyNotFound, PreconditionFailed):
        # As in _publish: nothing may be invented or replaced; `check` reports the version.
        log.error("%s: event %s cannot move version %s", model.title, event["seq"], event["version"])


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

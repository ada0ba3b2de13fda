"""Moving an alias: one event, then its document."""

from __future__ import annotations

import uuid

from . import packages
from .changes import change, commit
from .errors import AliasMoved
from .journal import Line
from .model import Promotion
from .models import ModelStore
from .provenance import check_words


class Unset:
    """The caller said nothing about it (``None`` would mean "there must be none")."""


UNSET = Unset()


def promote(
    model: ModelStore,
    alias: str,
    version: str,
    *,
    actor: str | None,
    reason: str | None,
    expected_version: str | Unset | None,
) -> Promotion:
    """The alias names the version, by one event that says who moved it and why.

    Raises ``VersionNotFound``, ``AliasMoved``, ``NameTaken``, ``StorageError``; nothing has changed
    then, unless ``committed`` is true in the detail.
    """
    check_words(actor, reason)
    # Looked at twice: before the lock, so that a wrong request writes nothing, and under it.
    model.require_version(version)
    model.check_alias_name(alias)

    def decide(last: Line | None) -> Promotion:
        model.require_version(version)
        model.check_alias_name(alias)
        previous = model.alias_target(alias)
        if not isinstance(expected_version, Unset) and previous != expected_version:
            raise _moved(alias, expected_version, previous)
        event = model.journal.draft(
            last,
            {
                "event": "promote",
                "task": model.keys.task,
                "model_name": model.keys.model_name,
                "version": version,
                "alias": alias,
                "previous_version": previous,
                "actor": actor,
                "reason": reason,
                "package_digest": packages.package_digest(model, version),
                "attempt": uuid.uuid4().hex,
            },
        )
        commit(model, event)
        return Promotion(alias, version, previous, event["seq"], event["ts_utc"])

    return change(model, decide)


def _moved(alias: str, expected: str | None, actual: str | None) -> AliasMoved:
    now = f"names {actual!r}" if actual is not None else "does not exist"
    wanted = f"to name {expected!r}" if expected is not None else "not to exist"
    return AliasMoved(
        f"The alias {alias!r} {now}, but the request expects it {wanted}. Look at it again before moving it.",
        alias=alias,
        expected_version=expected,
        actual_version=actual,
    )

"""Moving an alias: one event, then its document."""

from __future__ import annotations

from . import aliases, packages
from .errors import AliasMoved, RegistryError
from .model import Promotion
from .models import ModelStore
from .provenance import check_words
from .storage.base import PreconditionFailed


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
    with model.changing() as last:
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
            },
        )
        prepared = model.storage.prepare(model.keys.alias(alias), aliases.document(event))
        try:
            model.journal.append(event)
            try:
                prepared.commit()
            except (RegistryError, PreconditionFailed) as error:
                raise model.committed_but_unfinished(event, error) from error
        finally:
            prepared.discard()
    return Promotion(alias, version, previous, event["seq"], event["ts_utc"])


def _moved(alias: str, expected: str | None, actual: str | None) -> AliasMoved:
    now = f"names {actual!r}" if actual is not None else "does not exist"
    wanted = f"to name {expected!r}" if expected is not None else "not to exist"
    return AliasMoved(
        f"The alias {alias!r} {now}, but the request expects it {wanted}. Look at it again before moving it.",
        alias=alias,
        expected_version=expected,
        actual_version=actual,
    )

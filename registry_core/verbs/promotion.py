"""Moving an alias: one event, then its document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..format.chain import Line
from ..models.changes import change, commit_next, settle
from ..models.model import ModelStore
from ..vocabulary.answers import Promotion, Removal
from ..vocabulary.errors import AliasMoved, AliasNotFound, VersionNotFound
from ..vocabulary.unset import Unset
from ..vocabulary.who import check_words


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
    settle(model, version)
    # Looked at twice: before the lock, so that a wrong request writes nothing, and under it.
    model.require_version(version)
    model.check_alias_name(alias)

    def decide(last: Line | None) -> Promotion:
        model.require_version(version)
        model.check_alias_name(alias)
        previous = expect(model, alias, expected_version)
        return _moved_to(
            commit_next(
                model,
                last,
                "promote",
                version=version,
                alias=alias,
                previous_version=previous,
                actor=actor,
                reason=reason,
            )
        )

    return change(model, decide)


def unalias(
    model: ModelStore, alias: str, *, actor: str | None, reason: str | None, expected_version: str | Unset | None
) -> Removal:
    """The alias is gone, by one event that says who removed it and why.

    Raises ``AliasNotFound``, ``AliasMoved``, ``StorageError``.
    """
    check_words(actor, reason)
    require_alias(model, alias)

    def decide(last: Line | None) -> Removal:
        require_alias(model, alias)
        previous = expect(model, alias, expected_version)
        event = commit_next(
            model,
            last,
            "unalias",
            version=None,
            alias=alias,
            previous_version=previous,
            actor=actor,
            reason=reason,
        )
        return Removal(alias, previous, event["seq"], event["ts_utc"])

    return change(model, decide)


def rollback(
    model: ModelStore, alias: str, *, actor: str | None, reason: str | None, expected_version: str | Unset | None
) -> Promotion:
    """The alias names the version again that it named before the present one.

    Raises ``AliasNotFound``, ``AliasMoved``, and ``VersionNotFound`` where it never named another, or
    where that one is deleted.
    """
    check_words(actor, reason)
    require_alias(model, alias)

    def decide(last: Line | None) -> Promotion:
        require_alias(model, alias)
        previous = expect(model, alias, expected_version)
        version = version_before(model.journal.mentioning(alias), alias, previous)
        if version is None:
            raise VersionNotFound(
                f"The alias {alias!r} of {model.title} has never named a version other than {previous!r}, "
                "so there is nothing to go back to.",
                alias=alias,
                version=previous,
            )
        model.require_version(version)
        return _moved_to(
            commit_next(
                model,
                last,
                "rollback",
                version=version,
                alias=alias,
                previous_version=previous,
                actor=actor,
                reason=reason,
            )
        )

    return change(model, decide)


def version_before(lines: Iterable[Line], alias: str, now: str | None) -> str | None:
    """The last version that the alias named before it came to name ``now``; None if there was none."""
    moves = (line for line in lines if line.get("alias") == alias)
    named = [line.get(name) for line in moves for name in ("previous_version", "version")]
    others = [version for version in named if isinstance(version, str) and version != now]
    return others[-1] if others else None


def require_alias(model: ModelStore, alias: str) -> str:
    """The version that the alias names. Raises ``AliasNotFound``."""
    version = model.alias_named(alias)
    if version is None:
        raise AliasNotFound(
            f"{model.title} has no alias {alias!r}.",
            task=model.keys.task,
            model_name=model.keys.model_name,
            alias=alias,
        )
    return version


def _moved_to(event: dict[str, Any]) -> Promotion:
    return Promotion(event["alias"], event["version"], event["previous_version"], event["seq"], event["ts_utc"])


def expect(model: ModelStore, alias: str, expected: str | Unset | None) -> str | None:
    """The version that the alias names now. Raises ``AliasMoved`` if another was expected."""
    actual = model.alias_target(alias)
    if isinstance(expected, Unset) or actual == expected:
        return actual
    now = f"names {actual!r}" if actual is not None else "does not exist"
    wanted = f"to name {expected!r}" if expected is not None else "not to exist"
    raise AliasMoved(
        f"The alias {alias!r} {now}, but the request expects it {wanted}. Look at it again before moving it.",
        alias=alias,
        expected_version=expected,
        actual_version=actual,
    )

"""Moving an alias: one event, then its document; and the rules that every move keeps, whichever verb makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..format.chain import Line
from ..format.events import PROMOTE, ROLLBACK, UNALIAS
from ..format.layout import ModelKeys
from ..models import package_manifest
from ..models.changes import Draft, change
from ..models.gate import Gate, Verdict
from ..models.model import ModelStore, no_version
from ..vocabulary.answers import Promotion, Removal
from ..vocabulary.errors import AliasMoved, AliasNotFound, NameTaken, VersionNotFound
from ..vocabulary.names import check_new_name
from ..vocabulary.texts import check_words
from ..vocabulary.unset import Unset


@dataclass(frozen=True)
class SeenAlias:
    """An alias as it is. ``named``: the version that it names, None if there is no such alias.

    ``is_version``: a version has its name, or once had it (only looked at where there is no such alias).
    """

    model: ModelKeys
    alias: str
    named: str | None
    is_version: bool

    def check_may_be(self) -> None:
        """The alias is there, or may be made. Raises ``InvalidName``, ``NameTaken``."""
        if self.named is not None:
            return
        check_new_name("alias", self.alias)
        if self.is_version:
            raise NameTaken(f"{self.alias!r} is a version of {self.model.title}; an alias needs another name.")

    def check_is(self) -> str:
        """The version that the alias names. Raises ``AliasNotFound``."""
        if self.named is None:
            raise AliasNotFound(
                f"{self.model.title} has no alias {self.alias!r}.",
                task=self.model.task,
                model_name=self.model.model_name,
                alias=self.alias,
            )
        return self.named

    def check_expected(self, expected: str | Unset | None) -> None:
        """The alias names the version that the caller thinks. Raises ``AliasMoved``."""
        if isinstance(expected, Unset) or self.named == expected:
            return
        now = f"names {self.named!r}" if self.named is not None else "does not exist"
        wanted = f"to name {expected!r}" if expected is not None else "not to exist"
        raise AliasMoved(
            f"The alias {self.alias!r} {now}, but the request expects it {wanted}. Look at it again before moving it.",
            alias=self.alias,
            expected_version=expected,
            actual_version=self.named,
        )


def look_at_alias(model: ModelStore, alias: str) -> SeenAlias:
    named = model.alias_named(alias)
    return SeenAlias(model.keys, alias, named, is_version=named is None and model.is_taken(alias))


def ask(gate: Gate | None, model: ModelStore, alias: str, version: str | None) -> Verdict:
    """The gate's verdict, where there is a gate, and something to judge."""
    return Verdict() if gate is None or version is None else gate.judge(model, alias, version)


@dataclass(frozen=True)
class Move:
    """What a caller asks of an alias. ``version``: what it shall name; None: the verb itself says what."""

    alias: str
    version: str | None
    actor: str | None
    reason: str | None
    expected_version: str | Unset | None


@dataclass(frozen=True)
class SeenPromote:
    """What a promote looks at."""

    alias: SeenAlias
    is_published: bool
    package_digest: str | None
    verdict: Verdict


def promote(model: ModelStore, move: Move, gate: Gate | None) -> Promotion:
    """The alias names the version, by one event that says who moved it and why.

    Raises ``NotFound``, ``AliasMoved``, ``NameTaken``, ``StorageError``, and what the gate refuses with; nothing
    has changed then, unless ``committed`` is true in the detail.
    """
    check_words(move.actor, move.reason)
    done = change(model, lambda: look_promote(model, move, gate), lambda seen: decide_promote(seen, move))
    return _moved_to(done.event)


def look_promote(model: ModelStore, move: Move, gate: Gate | None) -> SeenPromote:
    version = move.version if move.version is not None and model.has_version(move.version) else None
    if version is None:
        model.require()  # one that has the version is there
    return SeenPromote(
        look_at_alias(model, move.alias),
        is_published=version is not None,
        package_digest=package_manifest.package_digest(model, version) if version is not None else None,
        verdict=ask(gate, model, move.alias, version),
    )


def decide_promote(seen: SeenPromote, move: Move) -> Draft:
    if not seen.is_published or move.version is None:
        no_version(seen.alias.model, move.version)
    seen.alias.check_may_be()
    seen.alias.check_expected(move.expected_version)
    return _draft(PROMOTE, seen.alias, move, move.version, seen.package_digest, seen.verdict)


@dataclass(frozen=True)
class SeenUnalias:
    """What a removal looks at."""

    alias: SeenAlias


def unalias(model: ModelStore, move: Move) -> Removal:
    """The alias is gone, by one event that says who removed it and why.

    Raises ``AliasNotFound``, ``AliasMoved``, ``StorageError``.
    """
    check_words(move.actor, move.reason)
    done = change(model, lambda: SeenUnalias(look_at_alias(model, move.alias)), lambda seen: decide_unalias(seen, move))
    event = done.event
    return Removal(move.alias, event["previous_version"], event["seq"], event["ts_utc"])


def decide_unalias(seen: SeenUnalias, move: Move) -> Draft:
    seen.alias.check_is()
    seen.alias.check_expected(move.expected_version)
    return _draft(UNALIAS, seen.alias, move, None, None, Verdict())


@dataclass(frozen=True)
class SeenRollback:
    """What a rollback looks at. ``before``: the version that the alias named before the present one, if any."""

    alias: SeenAlias
    before: str | None
    is_published: bool
    package_digest: str | None
    verdict: Verdict


def rollback(model: ModelStore, move: Move, gate: Gate | None) -> Promotion:
    """The alias names the version again that it named before the present one.

    Raises ``AliasNotFound``, ``AliasMoved``, what the gate refuses with, and ``VersionNotFound`` where it never
    named another, or where that one is deleted.
    """
    check_words(move.actor, move.reason)
    done = change(model, lambda: look_rollback(model, move, gate), lambda seen: decide_rollback(seen, move))
    return _moved_to(done.event)


def look_rollback(model: ModelStore, move: Move, gate: Gate | None) -> SeenRollback:
    alias = look_at_alias(model, move.alias)
    before = None
    if alias.named is not None:
        before = version_before(model.journal.mentioning(move.alias), move.alias, alias.named)
    version = before if before is not None and model.has_version(before) else None
    return SeenRollback(
        alias,
        before,
        is_published=version is not None,
        package_digest=package_manifest.package_digest(model, version) if version is not None else None,
        verdict=ask(gate, model, move.alias, version),
    )


def decide_rollback(seen: SeenRollback, move: Move) -> Draft:
    now = seen.alias.check_is()
    seen.alias.check_expected(move.expected_version)
    if seen.before is None:
        raise VersionNotFound(
            f"The alias {move.alias!r} of {seen.alias.model.title} has never named a version other than {now!r}, "
            "so there is nothing to go back to.",
            alias=move.alias,
            version=now,
        )
    if not seen.is_published:
        no_version(seen.alias.model, seen.before)
    return _draft(ROLLBACK, seen.alias, move, seen.before, seen.package_digest, seen.verdict)


def version_before(lines: Iterable[Line], alias: str, now: str | None) -> str | None:
    """The last version that the alias named before it came to name ``now``; None if there was none."""
    moves = (line for line in lines if line.get("alias") == alias)
    named = [line.get(name) for line in moves for name in ("previous_version", "version")]
    others = [version for version in named if isinstance(version, str) and version != now]
    return others[-1] if others else None


def _draft(
    event: str, alias: SeenAlias, move: Move, version: str | None, package_digest: str | None, verdict: Verdict
) -> Draft:
    """The move's event. Raises what the gate refuses with."""
    if verdict.refusal is not None:
        raise verdict.refusal
    return Draft(
        event,
        version,
        move.actor,
        move.reason,
        alias=move.alias,
        previous_version=alias.named,
        package_digest=package_digest,
        own=verdict.says,
    )


def _moved_to(event: Mapping[str, Any]) -> Promotion:
    return Promotion(event["alias"], event["version"], event["previous_version"], event["seq"], event["ts_utc"])

"""Moving an alias: one event, then its document; and the rules that every move keeps, whichever verb makes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..format.chain import Line
from ..format.events import PROMOTE, ROLLBACK, UNALIAS
from ..format.layout import ModelKeys
from ..models import aliases, package_manifest
from ..models.changes import Draft, change
from ..models.gate import Asked, Gate, Override, Verdict
from ..models.missing import no_version
from ..models.model import ModelStore
from ..vocabulary.answers import Alias, Promotion, Removal
from ..vocabulary.errors import AliasMoved, AliasNotFound, InvalidParameter, NameTaken, VersionNotFound
from ..vocabulary.texts import MAX_REASON_CHARACTERS, check_new_name, check_words, is_unicode, printable
from ..vocabulary.unset import UNSET, Unset


@dataclass(frozen=True)
class Expected:
    """Where the caller thinks that an alias is: the version that it names, and the event that moved it last.

    None: there is no such alias; of ``seq`` also where older software moved it.
    """

    version: str | Unset | None = UNSET
    seq: int | Unset | None = UNSET

    def is_met(self, now: Alias | None) -> bool:
        named, seq = (None, None) if now is None else (now.version, now.seq)
        return (isinstance(self.version, Unset) or named == self.version) and (
            isinstance(self.seq, Unset) or seq == self.seq
        )

    def said(self) -> dict[str, Any]:
        """What the caller has said, by the parameters' names."""
        said = {"expected_version": self.version, "expected_seq": self.seq}
        return {name: value for name, value in said.items() if not isinstance(value, Unset)}


ANYWHERE = Expected()


@dataclass(frozen=True)
class SeenAlias:
    """An alias as it is; ``now`` is None if there is no such alias.

    ``is_version``: a version has its name, or once had it (only looked at where there is no such alias).
    ``removal``: the event that removed it (only looked at where the caller thinks that it is there). ``last_moved``:
    as ``ModelStore.last_moved``.
    """

    model: ModelKeys
    alias: str
    now: Alias | None
    is_version: bool
    removal: Line | None = None
    last_moved: int | None = None

    @property
    def named(self) -> str | None:
        """The version that it names."""
        return self.now.version if self.now is not None else None

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

    def check_expected(self, expected: Expected) -> None:
        """The alias is where the caller thinks. Raises ``AliasMoved``, which tells who moved it, when and why."""
        if expected.is_met(self.now):
            return
        now = f"names {self.named!r}" if self.named is not None else "does not exist"
        wanted = f"to name {expected.version!r}" if expected.version is not None else "not to exist"
        if isinstance(expected.version, Unset) or expected.version == self.named:
            at = self.now.seq if self.now is not None else None
            now = f"{now}, {f'moved by event {at}' if at is not None else 'moved by no event'}"
            wanted = f"to be moved last by event {expected.seq}" if expected.seq is not None else "to be moved by none"
        raise AliasMoved(
            f"The alias {self.alias!r} {now}, but the request expects it {wanted}. Look at it again before moving it.",
            alias=self.alias,
            **expected.said(),
            actual_version=self.named,
            **self._last_move(),
        )

    def _last_move(self) -> dict[str, Any]:
        """Who has made the alias what it is, when and why; all None where nobody knows."""
        if self.now is not None:
            made: Alias | None = self.now
        else:
            made = aliases.moved_by(self.removal, self.alias) if self.removal is not None else None
        return {name: getattr(made, name, None) for name in ("actor", "updated_at", "reason", "seq")}


def look_at_alias(model: ModelStore, alias: str, expected: Expected = ANYWHERE) -> SeenAlias:
    now = model.alias_looked_up(alias)
    removal = None
    if now is None and not expected.is_met(None) and model.may_look_up(alias, model.keys.aliases, aliases.SUFFIX):
        removal = next(model.journal.moves(alias, model.last_moved(alias, None)), None)
    is_version = now is None and model.is_taken(alias)
    return SeenAlias(model.keys, alias, now, is_version, removal, model.last_moved(alias, now))


def ask(gate: Gate | None, model: ModelStore, asked: Asked | None) -> Verdict:
    """The gate's verdict, where there is a gate, and something to judge."""
    return Verdict() if gate is None or asked is None else gate.judge(model, asked)


@dataclass(frozen=True)
class Move:
    """What a caller asks of an alias. ``version``: what it shall name; None: the verb itself says what.

    ``override``: why it shall, whatever its gate says.
    """

    alias: str
    version: str | None
    actor: str | None
    reason: str | None
    expected: Expected = ANYWHERE
    override: Override | None = None

    def check_words(self) -> None:
        """What the caller says can stand in the journal. Raises ``InvalidParameter``."""
        check_words(self.actor, self.reason)
        if self.override is not None:
            check_override(self.override)

    def asks(self, model: ModelStore, verb: str, version: str | None) -> Asked | None:
        """What the gate is asked, where there is such a version."""
        if version is None:
            return None
        return Asked(verb, version, self.alias, model.signed(self.actor), self.override)


def check_override(override: Override) -> None:
    """Raises ``InvalidParameter``."""
    for name, text in (("reason", override.reason), ("ticket", override.ticket)):
        if text is not None and (not is_unicode(text) or not text.strip() or len(text) > MAX_REASON_CHARACTERS):
            raise InvalidParameter(
                f"The {name} of an override has 1 to {MAX_REASON_CHARACTERS} characters.", field="override"
            )


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
    move.check_words()
    look = partial(look_promote, model, move)
    done = change(model, partial(look, gate), lambda seen: decide_promote(seen, move), glance=partial(look, None))
    return _moved_to(done.event)


def look_promote(model: ModelStore, move: Move, gate: Gate | None) -> SeenPromote:
    version = move.version if move.version is not None and model.has_version(move.version) else None
    if version is None:
        model.require()  # one that has the version is there
    return SeenPromote(
        look_at_alias(model, move.alias, move.expected),
        is_published=version is not None,
        package_digest=_digest(model, version),
        verdict=ask(gate, model, move.asks(model, PROMOTE, version)),
    )


def _digest(model: ModelStore, version: str | None) -> str | None:
    """What the event will say of the version's bytes; None where there is no version, or half a one."""
    if version is None:
        return None
    return model.recorded_digest(version) or package_manifest.manifest_digest(model, version)


def decide_promote(seen: SeenPromote, move: Move) -> Draft:
    if not seen.is_published or move.version is None:
        no_version(seen.alias.model, move.version)
    seen.alias.check_may_be()
    seen.alias.check_expected(move.expected)
    return _draft(PROMOTE, seen.alias, move, move.version, seen.package_digest, seen.verdict)


@dataclass(frozen=True)
class SeenUnalias:
    """What a removal looks at."""

    alias: SeenAlias


def unalias(model: ModelStore, move: Move) -> Removal:
    """The alias is gone, by one event that says who removed it and why.

    Raises ``AliasNotFound``, ``AliasMoved``, ``StorageError``.
    """
    move.check_words()

    def look() -> SeenUnalias:
        return SeenUnalias(look_at_alias(model, move.alias, move.expected))

    done = change(model, look, lambda seen: decide_unalias(seen, move))
    event = done.event
    return Removal(move.alias, event["previous_version"], event["seq"], event["ts_utc"])


def decide_unalias(seen: SeenUnalias, move: Move) -> Draft:
    seen.alias.check_expected(move.expected)  # first: whoever thinks that it is there is told who has removed it
    seen.alias.check_is()
    return _draft(UNALIAS, seen.alias, move, None, None, Verdict())


@dataclass(frozen=True)
class SeenRollback:
    """What a rollback looks at. ``back_to``: the version that the alias shall name again, None where it never did."""

    alias: SeenAlias
    back_to: str | None
    is_published: bool
    package_digest: str | None
    verdict: Verdict


def rollback(model: ModelStore, move: Move, gate: Gate | None, *, dry_run: bool = False) -> Promotion:
    """The alias names the version again that it named before the present one, or that of the move, once its own.

    ``dry_run``: it only says which one that is. Raises ``AliasNotFound``, ``AliasMoved``, what the gate refuses
    with, and ``VersionNotFound`` where it never named such a one, or where that one is deleted.
    """
    move.check_words()
    if dry_run:
        draft = decide_rollback(look_rollback(model, move, gate), move)
        return Promotion(move.alias, str(draft.version), draft.previous_version, None, None)
    look = partial(look_rollback, model, move)
    done = change(model, partial(look, gate), lambda seen: decide_rollback(seen, move), glance=partial(look, None))
    return _moved_to(done.event)


def look_rollback(model: ModelStore, move: Move, gate: Gate | None) -> SeenRollback:
    alias = look_at_alias(model, move.alias, move.expected)
    back_to = None
    if alias.named is not None:
        moves = model.journal.moves(move.alias, alias.last_moved)
        if move.version is None:
            back_to = version_before(moves, move.alias, alias.named)
        elif move.version == alias.named or move.version in named_by(moves, move.alias):
            back_to = move.version
        if back_to is None and not model.journal.has(alias.last_moved or 0):
            model.require_reached([model.keys.alias(move.alias)])  # it may stand in what is lost
    version = back_to if back_to is not None and model.has_version(back_to) else None
    return SeenRollback(
        alias,
        back_to,
        is_published=version is not None,
        package_digest=_digest(model, version),
        verdict=ask(gate, model, move.asks(model, ROLLBACK, version)),
    )


def decide_rollback(seen: SeenRollback, move: Move) -> Draft:
    seen.alias.check_expected(move.expected)
    now = seen.alias.check_is()
    if seen.back_to is None:
        another = (
            f"a version other than {now!r}" if move.version is None else f"the version {printable(move.version)!r}"
        )
        raise VersionNotFound(
            f"The alias {move.alias!r} of {seen.alias.model.title} has never named {another}, "
            "so there is nothing to go back to.",
            alias=move.alias,
            version=now if move.version is None else printable(move.version),
        )
    if not seen.is_published:
        no_version(seen.alias.model, seen.back_to)
    return _draft(ROLLBACK, seen.alias, move, seen.back_to, seen.package_digest, seen.verdict)


def version_before(moves: Iterable[Line], alias: str, now: str | None) -> str | None:
    """The last version that the alias named before it came to name ``now``; None if there was none.

    ``moves`` are its moves, the newest first; no more of them is read than it takes.
    """
    return next((version for version in named_by(moves, alias) if version != now), None)


def named_by(moves: Iterable[Line], alias: str) -> Iterator[str]:
    """Every version that the alias has named, the newest first."""
    for line in moves:
        # An event that moves another alias too says only of that one what it named before.
        said = ("version", "previous_version") if line.get("alias") == alias else ("version",)
        yield from (version for name in said if isinstance(version := line.get(name), str))


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
        previous_seq=alias.last_moved,
        package_digest=package_digest,
        own=verdict.says,
    )


def _moved_to(event: Mapping[str, Any]) -> Promotion:
    return Promotion(event["alias"], event["version"], event["previous_version"], event["seq"], event["ts_utc"])

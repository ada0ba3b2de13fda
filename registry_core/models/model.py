"""One model's part of the registry: its names, its journal, its versions, its aliases."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..format.chain import Line
from ..format.events import PROMOTE, REGISTER, ROLLBACK, UNALIAS
from ..format.layout import TASKS, ModelKeys, models
from ..storage.contract import Facts, KeyNotFound, Storage
from ..vocabulary.answers import Alias, Tombstone
from ..vocabulary.errors import ModelNotFound, PackageCorrupt, VersionNotFound
from ..vocabulary.texts import check_new_name
from . import aliases, evidence, following, older, package_moves, projections, tombstones
from .journal import ABOUT, MOVES, REGISTERED, Event, Journal, Subject, is_of_package
from .missing import no_version
from .projections import Fields, Projection, may_look_up
from .told import Told

log = logging.getLogger(__name__)

OnChange = Callable[["ModelStore"], None]
BeforeChange = Callable[[], None]
_MOVES_ALIASES = (PROMOTE, ROLLBACK, UNALIAS)  # and nothing else


@dataclass(frozen=True)
class Found:
    """What a selector names: a version, where it lies, and the alias if it was one.

    ``facts`` is what the storage says of the package, where it keeps that beside it; ``named`` is the alias as its
    document has it, where it names the version now.
    """

    model: ModelStore
    version: str
    alias: str | None
    location: str
    facts: Facts | None
    named: Alias | None = None


class ModelStore(Subject):
    """The stored facts of one model. Making one touches nothing."""

    def __init__(
        self,
        storage: Storage,
        task: str,
        model_name: str,
        lock_timeout_s: float,
        on_change: OnChange | None = None,
        before_change: BeforeChange | None = None,
    ) -> None:
        self.keys = ModelKeys(task, model_name)
        super().__init__(storage, self.keys.model, Journal(storage, self.keys.journal), lock_timeout_s)
        self._on_change = on_change
        self.noticed = projections.Noticed()
        self._before_change = before_change

    @property
    def title(self) -> str:
        return self.keys.title

    @property
    def told(self) -> Told:
        """What the model's documents tell whoever reads."""
        return Told(self.storage, self.keys, self.journal, self.noticed)

    # what follows its events

    def names(self) -> dict[str, Any]:
        return self.keys.names

    def last_event(self, last: Line | None) -> tuple[Event | None, frozenset[str]]:
        if last is None or last.is_own:
            return (last.fields if last else None), frozenset()
        own, moved = older.last_own(self.journal.lines())
        return (own.fields if own else None), frozenset(self.keys.alias(alias) for alias in moved)

    def documents_of(self, event: Event) -> list[Projection]:
        moved = [aliases.projection(self.keys, event, alias) for alias in aliases.moves(event)]
        return moved if event["event"] in _MOVES_ALIASES else [*moved, *following.documents_of(self, event)]

    def count_after(self, event: Event) -> int | None:
        return aliases.count_after(self.storage, self.keys, event)

    def follow(self, event: Event) -> None:
        if is_of_package(event):
            package_moves.follow(self.storage, self.keys, event)

    def recover(self, event: Event) -> None:
        if is_of_package(event):
            package_moves.recover(self.storage, self.keys, event)

    def behind(self, event: Event) -> list[str]:
        return package_moves.behind(self.storage, self.keys, event) if is_of_package(event) else []

    def require_whole(self, last: Line | None, event: Event | None) -> None:
        version = event.get("version") if event is not None else None
        about = (self.keys.state, self.keys.tombstone, self.keys.evidence)
        at = tuple(key(version) for key in about) if isinstance(version, str) else ()
        is_odd = last is None or last.fields is None or not last.is_of(self.keys.names)
        if last is None or is_odd or self.journal.is_torn() or self._is_shown_after(last.seq, at):
            self.require_all_reached()

    def _is_shown_after(self, seq: int, at: Iterable[str]) -> bool:
        if (self.storage.documents.noted(self.keys.model)[0] or 0) > seq or self.noticed.beyond(seq):
            return True
        if self.storage.packages.keeps_facts():  # they were looked at; one request more is spent on the newest alias
            self.notice_newest()
            return self.noticed.beyond(seq)
        return any((projections.shown_seq(self.storage, self.keys, key) or 0) > seq for key in at)

    def notice_newest(self) -> None:
        """What the newest alias shows is noticed: one small read."""
        newest = self.keys.alias(aliases.LATEST)
        if newest not in self.noticed.shown:
            self.noticed.show(newest, projections.shown_seq(self.storage, self.keys, newest) or 0)

    def require_reached(self, keys: Iterable[str]) -> None:
        look = partial(evidence.of_keys, self.storage, self.keys, keys)
        evidence.require(self.storage, self.keys, self.journal, look)

    def require_remembered(self, version: str) -> None:
        """The journal has what the version's documents and its grave show. Raises ``JournalCorrupt``."""
        look = partial(evidence.of_version, self.storage, self.keys, version)
        evidence.require(self.storage, self.keys, self.journal, look)

    def require_nothing_lost(self) -> None:
        self.require_all_reached()
        look = partial(evidence.of_note, self.storage, self.keys)
        evidence.require(self.storage, self.keys, self.journal, look)

    def require_all_reached(self) -> None:
        """The journal has all that is shown of it anywhere: a walk through the model. Raises ``JournalCorrupt``."""
        look = partial(evidence.of_all, self.storage, self.keys)
        evidence.require(self.storage, self.keys, self.journal, look)

    def changing(self) -> None:
        if self._before_change is not None:
            self._before_change()

    def changed(self) -> None:
        if self._on_change is not None:
            self._on_change(self)

    # what is there

    def exists(self) -> bool:
        """Whether it has a version or an event, or once had one; an empty directory is no model."""
        if self.journal.line(1) is not None or any(True for _ in self.storage.documents.list(self.keys.versions)):
            return True
        return bool(self.deleted())

    def require(self) -> "ModelStore":
        """The store itself. Raises ``ModelNotFound``."""
        if not self.exists():
            raise ModelNotFound(f"There is no model {self.title}.", **self.names())
        return self

    def versions(self) -> Iterator[str]:
        """Published versions, sorted by name."""
        deleted = set(self.deleted())
        names = (entry.name for entry in self.storage.documents.list(self.keys.versions) if entry.kind == "prefix")
        return (name for name in names if name not in deleted or self.locate(name) is not None)

    def deleted(self) -> list[str]:
        """Versions that are, or once were, deleted: sorted by name, some of them perhaps restored."""
        return [entry.name for entry in self.storage.documents.list(self.keys.graves) if entry.kind == "prefix"]

    def tombstone_fields(self, version: str) -> Fields | None:
        """The tombstone as it is stored, of a version that is deleted now; for a name that nobody has looked at yet."""
        if not self.may_look_up(version, self.keys.graves):
            return None
        return self.told.tombstone(version)

    def tombstone(self, version: str) -> Tombstone | None:
        """What is kept of the version, if it is deleted now."""
        return tombstones.shown(version, self.tombstone_fields(version), names_nobody=self.names_nobody)

    def find(self, selector: str) -> Found | None:
        """The version that the selector names; an alias wins over a version of its name.

        None if nothing has the name. Raises ``InvalidName`` for a selector that can name nothing,
        ``PackageCorrupt``, and ``VersionNotFound`` for an alias whose version is not there.
        """
        if self.may_look_up(selector, self.keys.aliases, aliases.SUFFIX):
            alias = self.alias(selector)
            while alias is not None:
                location = self.locate(alias.version)
                if location is not None:
                    return Found(self, alias.version, selector, location, self.facts(alias.version), alias)
                before, alias = alias, self.alias(selector)
                if alias == before:  # else it has moved, and what it named was free to go
                    raise VersionNotFound(
                        f"The alias {selector!r} of {self.title} names version {alias.version!r}, which is not there.",
                        alias=selector,
                        version=alias.version,
                    )
        if not self.may_look_up(selector, self.keys.versions):
            check_new_name("version", selector)
            return None
        version, named, location = selector, None, self.locate(selector)
        # No alias of ours has a version's name, so only where nothing has the name its moves are looked for.
        if location is None and (gone := self.told.alias_gone(selector)) is not None:
            version, named, location = gone.version, gone, self.locate(gone.version)
        alias_of = selector if named is not None else None
        return Found(self, version, alias_of, location, self.facts(version), named) if location is not None else None

    def has_version(self, version: str) -> bool:
        """Whether the version is published. A name that can name nothing is not."""
        return self.may_look_up(version, self.keys.versions) and self.locate(version) is not None

    def is_taken(self, version: str) -> bool:
        """Whether the name is, or ever was, a version's: published, or registered and deleted."""
        return self.has_version(version) or self.was_version(version)

    def was_version(self, version: str) -> bool:
        """Whether the name is taken, though :meth:`has_version` said a moment ago that no version has it."""
        if not self.may_look_up(version, self.keys.versions):
            return False  # nothing of such a name was ever made here
        if self.facts(version) is not None:
            return True
        if self.storage.packages.keeps_facts():
            return False
        if any(True for _ in self.journal.named(ABOUT, version)):
            return True
        # Whatever has become of the journal: a name that a grave bears is never given to other bytes.
        return evidence.is_named(self.storage, self.keys, self.journal, version)

    def locate(self, version: str) -> str | None:
        """Where the published version lies, or None. The name must have been looked up before."""
        try:
            return self.storage.packages.locate(self.keys.package(version))
        except KeyNotFound:
            return None

    def facts(self, version: str) -> Facts | None:
        """What the storage says of the package, where it keeps that beside it."""
        facts = self.storage.packages.facts(self.keys.package(version))
        if facts is not None:
            self.noticed.show(self.keys.package(version), facts.seq)
        return facts

    def require_version(self, version: str) -> str:
        """Where the version lies. Raises ``VersionNotFound``, ``InvalidName``."""
        location = self.locate(version) if self.may_look_up(version, self.keys.versions) else None
        return location if location is not None else no_version(self.keys, version)

    def registered(self, version: str) -> Line | None:
        """The event that registered the version, or None (older software's, or never)."""
        if version in self.noticed.born:
            return self.noticed.born[version]
        facts = self.facts(version)
        if facts is not None and facts.seq is not None:
            line = self.journal.line(facts.seq)
            if line is not None and _registers(line, version):
                return self._born(version, line)
        line = self.journal.newest(REGISTERED, version)
        while line is not None and not line.is_of(self.keys.names):
            self.told.broken(line, "the line is about another model")
            line = next(self.journal.named(REGISTERED, version, line.seq), None)
        return self._born(version, line) if line is not None else None

    def _born(self, version: str, line: Line) -> Line:
        self.noticed.born[version] = line
        return line

    def recorded_digest(self, version: str) -> str | None:
        """The digest that the version was registered with; None where no event says one, as of older software's.

        No manifest is read for it: that may be large.
        """
        facts = self.facts(version)
        if facts is not None:
            return facts.package_digest
        line = self.registered(version)
        recorded = line.get("package_digest") if line is not None else None
        return recorded if isinstance(recorded, str) else None

    def alias_now(self, alias: str) -> Alias | None:
        """The alias, None if there is none.

        Where its document is damaged the journal says it, so that a promote can mend it.
        """
        try:
            return self.alias(alias) or self.told.alias_gone(alias)
        except PackageCorrupt as error:
            log.error("%s: %s", self.title, error.message)
        return aliases.left_by(self.journal.newest(MOVES, alias), alias)

    def alias_looked_up(self, alias: str) -> Alias | None:
        """As :meth:`alias_now`, for a name that nobody has looked at yet."""
        return self.alias_now(alias) if self.may_look_up(alias, self.keys.aliases, aliases.SUFFIX) else None

    def alias(self, alias: str) -> Alias | None:
        """The alias, None if there is none. Raises ``PackageCorrupt`` for a document that is damaged."""
        found = aliases.document(self.storage, self.keys, alias)
        self.noticed.show(self.keys.alias(alias), found.seq if isinstance(found, Alias) else found)
        return found if isinstance(found, Alias) else None

    def last_moved(self, alias: str, now: Alias | None) -> int | None:
        """The event that moved the alias last, which was just found so; 0: none has; None: nobody can tell.

        On a storage that keeps no documents of what is gone only the journal tells who removed an alias.
        """
        if now is not None or self.storage.documents.looks_are_cheap():
            return now.seq if now is not None else None
        return self.noticed.shown.get(self.keys.alias(alias), 0)

    def alias_named(self, alias: str) -> str | None:
        """The version that the alias names, None if there is none; as :meth:`alias_looked_up`."""
        found = self.alias_looked_up(alias)
        return found.version if found else None

    def may_look_up(self, name: str, prefix: str, suffix: str = "") -> bool:
        """Whether the name may become part of a key below the prefix."""
        return may_look_up(self.storage, name, prefix, suffix)


def _registers(line: Line, version: str) -> bool:
    return line.is_own and line.get("event") == REGISTER and line.get("version") == version


def open_model(
    storage: Storage,
    task: str,
    model_name: str,
    lock_timeout_s: float,
    on_change: OnChange | None = None,
    before_change: BeforeChange | None = None,
) -> ModelStore:
    """The store of a model that may be looked up. Raises ``InvalidName``.

    A name outside the grammar is let through if the registry already holds it.
    """
    if not may_look_up(storage, task, TASKS):
        check_new_name("task", task)
    if not may_look_up(storage, model_name, models(task)):
        check_new_name("model_name", model_name)
    return ModelStore(storage, task, model_name, lock_timeout_s, on_change, before_change)

"""What a model's documents tell whoever reads; where one is damaged, what the journal says it told.

Never silence: what had to be taken from the journal, and what shows an event that the journal has not, is noticed,
and :meth:`Told.warnings` has it for the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator

from ..format.chain import Line, Link
from ..format.layout import ModelKeys
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.answers import Alias
from ..vocabulary.errors import PackageCorrupt
from . import aliases, evidence, states, tombstones
from .journal import ABOUT, MOVES, SAID, Journal
from .projections import Fields, Noticed, seq_of
from .states import State

log = logging.getLogger(__name__)


class Told:
    """The documents of one model, read for one request."""

    def __init__(self, storage: Storage, keys: ModelKeys, journal: Journal, noticed: Noticed) -> None:
        self._storage = storage
        self._keys = keys
        self._journal = journal
        self._noticed = noticed

    def aliases(self, known: Alias | None = None) -> list[Alias]:
        """Every alias, sorted; a damaged one of which the journal has no word is left out.

        ``known``: one whose document was just read, which is not read again.
        """
        found = []
        names = aliases.names(self._storage, self._keys)
        for name in names:
            try:
                is_known = known is not None and known.alias == name
                alias = known if is_known else aliases.read(self._storage, self._keys, name)
            except PackageCorrupt:
                self._damaged(self._keys.alias(name), f"the document of alias {name}")
                alias = aliases.left_by(self._journal.newest(MOVES, name), name)
            if alias is not None:
                self._noticed.show(self._keys.alias(name), alias.seq)
                found.append(alias)
        return sorted([*found, *self.missing(names)], key=lambda one: one.alias)

    def missing(self, there: Collection[str]) -> list[Alias]:
        """The aliases whose documents are gone, as the journal has them; it is read only where ``there`` are too few.

        How many there must be stands beside the number of the last event, where the storage notes that.
        """
        _, count = self._noticed.noted(self._storage, self._keys)
        if count is None or len(there) >= count:
            return []
        there = set(aliases.names(self._storage, self._keys))  # anew, after the journal's word that there are more
        named: dict[str, Alias | None] = {}
        end: list[str] = []
        for line in self._journal.lines():
            end = list(aliases.moves(line.fields or {}))
            named |= {name: aliases.left_by(line, name) if line.is_own else None for name in end}
        there.update(end)  # the last event's may be under way, or left by a crash: then the next change does it
        return [one for name, one in named.items() if name not in there and one and self._stands(one)]

    def alias_gone(self, alias: str) -> Alias | None:
        """The alias, which has no document, as its last move in the journal left it; None if that removed it.

        Asked only where that is one look, and not on a store over a network. Where older software moved it last, the
        document is the truth: it removes aliases without a line.
        """
        if not self._storage.documents.looks_are_cheap():
            return None
        last = self._journal.newest(MOVES, alias)
        if last is None or not (last.is_own and last.is_of(self._keys.names)) or self._is_end(last):
            return None
        found = aliases.left_by(last, alias)
        return found if found is not None and self._stands(found) else None

    def _is_end(self, line: Line) -> bool:
        """Whether it is the last event: what it says may be under way, or left by a crash; the next change does it."""
        return not self._journal.reaches(line.seq + 1)

    def _stands(self, alias: Alias) -> bool:
        """Whether the version is there that an alias without a document names; then that is told of."""
        try:
            self._storage.packages.locate(self._keys.package(alias.version))
        except KeyNotFound:
            return False
        key = self._keys.alias(alias.alias)
        self._noticed.show(key, alias.seq)
        self._damaged(key, f"the document of alias {alias.alias}", "is gone")
        return True

    def state(self, version: str) -> State:
        """What was set about the version."""
        key = self._keys.state(version)
        try:
            state, seq = states.read(self._storage, self._keys, version)
        except ValueError:
            self._damaged(key, f"the state document of {version}")
            return states.replay(self._history(version), version)
        if seq is None and self._storage.documents.looks_are_cheap():
            return self._state_gone(version, key)
        self._noticed.show(key, seq)
        return state

    def was_set(self, version: str, before: int) -> bool:
        """Whether an event before that number has set something about the version; False where that is no one look."""
        if not self._storage.documents.looks_are_cheap():
            return False
        last = next(self._journal.named(SAID, version, before), None)
        return last is not None and last.get("set") is not None

    def _state_gone(self, version: str, key: str) -> State:
        """What was set about a version that has no state document: nothing, as most, or what the journal says."""
        last = self._journal.newest(SAID, version)
        if last is None or not last.is_of(self._keys.names):
            return State()
        if last.get("set") is None:
            self._noticed.born[version] = last
            return State()
        if self._is_end(last):
            return State()
        state, seq = states.read(self._storage, self._keys, version)  # once more: it may have come meanwhile
        if seq is None:
            self._damaged(key, f"the state document of {version}", "is gone")
            return states.replay(self._history(version), version)
        return state

    def tombstone(self, version: str) -> Fields | None:
        """The tombstone of a version that is deleted now."""
        key = self._keys.tombstone(version)
        try:
            stone = tombstones.read(self._storage, self._keys, version)
        except ValueError:
            self._damaged(key, f"the tombstone of {version}")
            # Where the journal is lost as well, all that is known is that there was one.
            history = self._history(version)
            return tombstones.replay(self._keys, history, version) if history else {"version": version}
        self._noticed.show(key, seq_of(stone))
        return stone

    def _history(self, version: str) -> list[Line]:
        """The events that are about the version, oldest first."""
        return list(self._journal.named(ABOUT, version))[::-1]

    def warnings(self, *, asks: bool = False) -> list[str]:
        """What whoever is answered from these documents must know of them; ``asks``: even for one more request."""
        return evidence.warnings(self._storage, self._keys, self._journal, self._noticed, asks=asks)

    def linked(self, links: Iterable[Link]) -> Iterator[Line]:
        """The lines of the journal, as they stand there; the first that breaks the chain is told of."""
        for link in links:
            if link.faults:
                self.broken(link.line, link.faults[0])
            yield link.line

    def broken(self, line: Line, fault: str) -> None:
        """The journal is not what was written, as one of its lines shows."""
        told = f"The journal is damaged at event {line.seq}: {fault}. An operator should look at it with 'omr check'."
        if self._noticed.damaged.setdefault(self._keys.journal, told) is told:
            log.error("%s: %s", self._keys.title, told)

    def _damaged(self, key: str, what: str, is_so: str = "is damaged") -> None:
        told = f"{what} {is_so} ({key.removeprefix(self._keys.model + '/')}); this is what the journal says."
        log.error("%s: %s", self._keys.title, told)
        self._noticed.damaged[key] = told[0].upper() + told[1:]

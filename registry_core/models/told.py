"""What a model's documents tell whoever reads; where one is damaged, what the journal says it told.

Never silence: what had to be taken from the journal, and what shows an event that the journal has not, is noticed,
and :meth:`Told.warnings` has it for the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from ..format.chain import Line, Link
from ..format.layout import ModelKeys
from ..storage.contract import Storage
from ..vocabulary.answers import Alias
from ..vocabulary.errors import PackageCorrupt
from . import aliases, evidence, states, tombstones
from .journal import ABOUT, MOVES, Journal
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

    def aliases(self) -> list[Alias]:
        """Every alias, sorted; a damaged one of which the journal has no word is left out."""
        found = []
        for name in aliases.names(self._storage, self._keys):
            try:
                alias = aliases.read(self._storage, self._keys, name)
            except PackageCorrupt:
                self._damaged(self._keys.alias(name), f"the document of alias {name}")
                alias = aliases.left_by(self._journal.named(MOVES, name), name)
            if alias is not None:
                self._noticed.show(self._keys.alias(name), alias.seq)
                found.append(alias)
        return found

    def state(self, version: str) -> State:
        """What was set about the version."""
        key = self._keys.state(version)
        try:
            state, seq = states.read(self._storage, self._keys, version)
        except ValueError:
            self._damaged(key, f"the state document of {version}")
            return states.replay(self._history(version), version)
        self._noticed.show(key, seq)
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

    def _damaged(self, key: str, what: str) -> None:
        told = f"{what} is damaged ({key.removeprefix(self._keys.model + '/')}); this is what the journal says."
        log.error("%s: %s", self._keys.title, told)
        self._noticed.damaged[key] = told[0].upper() + told[1:]

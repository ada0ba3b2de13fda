"""What the registry's own journal says, each line proven by the chain, and its end by what was noted of it."""

from __future__ import annotations

from collections.abc import Iterable

from ..format.chain import Line, chain
from ..format.layout import REGISTRY, REGISTRY_JOURNAL
from .registry_journal import NOTED, RegistryJournal, marks_of, said_of_root


class Unproven(Exception):
    """Why the journal, or what it names, cannot be believed, in words."""


def proven(journal: RegistryJournal, lines: Iterable[Line], after: Line | None = None) -> list[Line]:
    """The lines, which begin the journal, or follow ``after``, and end it. Raises ``Unproven``, ``StorageError``."""
    noted, found = journal.noted(), list[Line]()
    for link in chain(lines, journal.names(), after):
        if link.faults:
            raise Unproven(f"{REGISTRY_JOURNAL} is not what was written: event {link.line.seq}: {link.faults[0]}")
        found.append(link.line)
    if after is None:
        _require_marked(journal, found)
    end = found[-1].seq if found else 0 if after is None else after.seq
    if noted > end:  # somebody may have been blocked by it, a token or a key revoked, a policy set
        raise Unproven(f"{REGISTRY_JOURNAL} is an older copy, or has lost its end: event {noted}: {NOTED}")
    return found


def proven_news(journal: RegistryJournal, end: Line) -> list[Line] | None:
    """The lines behind ``end``, which was proven before; None where that has to be done anew, from the first line on.

    Costs what is new. Raises ``Unproven``, ``StorageError``.
    """
    lines = journal.journal.lines(end.seq - 1)
    first = next(lines, None)
    if first is None or first.raw != end.raw:
        return None
    found = proven(journal, lines, first)
    return found if all(line.is_own for line in found) else None


def _require_marked(journal: RegistryJournal, found: list[Line]) -> None:
    has = {mark for line in found for mark in marks_of(line)}
    for mark in sorted(said_of_root(journal.storage) - has):
        raise Unproven(f"{REGISTRY} says that there are {mark}, and {REGISTRY_JOURNAL} has none")

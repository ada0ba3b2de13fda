"""What a journal says was true at a moment, from its lines alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..format.chain import Line
from ..format.events import DELETE, PURGE, REGISTER, RESTORE
from ..vocabulary.texts import parse_time
from . import aliases
from .states import State


@dataclass
class Moment:
    """One model as it was after some line of its journal.

    ``aliases``: alias -> the line that moved it last, which may have removed it. ``registered``: version -> its
    register event. ``gone``: version -> the event that deleted it. ``purged``: versions whose bytes were given up.
    ``states``: version -> what had been set.
    """

    aliases: dict[str, Line] = field(default_factory=dict)
    registered: dict[str, Line] = field(default_factory=dict)
    gone: dict[str, Line] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)
    states: dict[str, State] = field(default_factory=dict)

    def pointing(self) -> dict[str, str]:
        """Alias -> version, of the aliases that there were."""
        named = ((alias, aliases.named_after(line, alias)) for alias, line in self.aliases.items())
        return {alias: version for alias, version in named if version is not None}

    def apply(self, line: Line) -> None:
        """The line happens."""
        version = line.get("version")
        self.aliases |= dict.fromkeys(aliases.moves(line.fields or {}), line)
        if not line.is_own or not isinstance(version, str):
            return
        event = line.get("event")
        if event == REGISTER:
            self.registered[version] = line
        elif event == DELETE:
            self.gone[version] = line
        elif event == RESTORE:
            self.gone.pop(version, None)
        elif event == PURGE:
            self.purged.add(version)
        if line.get("set") is not None:
            self.states[version] = self.states.get(version, State()).after(line.fields or {})


def replay(lines: Iterable[Line], until: datetime | None = None) -> Moment:
    """The moment ``until`` (included), or the end. A line without a time came with the one before it."""
    moment = Moment()
    if until is None:
        for line in lines:
            moment.apply(line)
        return moment
    for line in happened(list(lines), until):
        moment.apply(line)
    return moment


def counting_times(lines: Sequence[Line]) -> Iterator[datetime | None]:
    """From when on each counts, as :func:`happened` has it: a line counts at the moment where it is given."""
    then: datetime | None = None
    floor: datetime | None = None  # no line counts before one of ours that comes before it
    for line, when in zip(lines, effective_times(lines), strict=True):
        then = when or then
        known = [moment for moment in (then, floor) if moment is not None]
        yield max(known, default=None)
        if line.is_own:
            floor = max(known, default=None)


def happened(lines: Sequence[Line], until: datetime) -> Iterator[Line]:
    """Those of the lines that had happened then. A line without a time came with the one before it."""
    for line, when in zip(lines, counting_times(lines), strict=True):
        if when is None or when <= until:
            yield line


def effective_times(lines: Sequence[Line]) -> list[datetime | None]:
    """When each happened at the latest: its own time, or that of an own event after it, if a clock was ahead."""
    times: list[datetime | None] = []
    earliest: datetime | None = None
    for line in reversed(lines):
        own = parse_time(line.get("ts_utc"))
        known = [moment for moment in (own, earliest) if moment is not None]
        times.append(min(known) if own is not None else None)
        if line.is_own and known:
            earliest = min(known)
    return times[::-1]

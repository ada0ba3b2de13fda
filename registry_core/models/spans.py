"""What each alias named, from when to when: pure functions of an alias's moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..format.chain import Line
from ..vocabulary.looking import Span, SpanPage
from ..vocabulary.texts import format_time
from . import aliases
from .timeline import counting_times

BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Move:
    """An event has made the alias name the version, or with None nothing, at the moment from which on that counts."""

    alias: str
    version: str | None
    at: datetime
    actor: str | None
    reason: str | None
    seq: int | None


def moves_of(lines: Sequence[Line]) -> Iterator[Move]:
    """Every move of an alias, in the order of the journal."""
    for line, at in zip(lines, counting_times(lines), strict=True):
        for alias in sorted(aliases.moves(line.fields or {})):
            said = aliases.moved_by(line, alias)
            named = aliases.named_after(line, alias)
            yield Move(alias, named, at or BEGINNING, said.actor, said.reason, said.seq)


def newest(moves: Sequence[Move], limit: int) -> tuple[list[Move], datetime | None]:
    """(the last ``limit`` moves, behind what each alias named before; the moment from which on none is missing)."""
    cut = max(0, len(moves) - limit)
    while cut > 0 and moves[cut - 1].seq is not None and moves[cut - 1].seq == moves[cut].seq:
        cut -= 1  # an event is told of whole
    older, window = moves[:cut], moves[cut:]
    if not older:
        return list(window), None
    last = {move.alias: move for move in older}
    named = [move for move in older if last[move.alias] is move and move.version is not None]
    return [*named, *window], max(move.at for move in [*older, window[0]])


def spans(moves: Sequence[Move], complete_since: datetime | None = None) -> SpanPage:
    """What the aliases named; ``moves`` are in the order of the journal."""
    found: list[Span] = []
    ends: dict[str, datetime] = {}  # alias -> since when a later move counts
    for move in reversed(moves):
        end = ends.get(move.alias)
        if move.version is not None and end != BEGINNING:
            until = None if end is None else format_time(max(end, move.at))
            since = None if move.at == BEGINNING else format_time(move.at)
            found.append(Span(move.alias, move.version, since, until, move.actor, move.reason, move.seq))
        ends[move.alias] = move.at if end is None else min(end, move.at)
    return SpanPage(found[::-1], None if complete_since is None else format_time(complete_since))

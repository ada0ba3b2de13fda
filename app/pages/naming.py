"""What aliases named and name: their board, the strip of when each named what, and what was in production."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import current_app, url_for

from registry_core import Alias, Event, ModelRegistry, parse_time

from . import figures
from .svg import Block, Row

PRODUCTION, STAGING, LATEST = "production", "staging", "latest"
FIRST = (PRODUCTION, STAGING, LATEST)
MOST_ROWS = 6  # of a strip
MOST_MOVES = {PRODUCTION: 100}  # of an alias in a strip
MOST_MOVES_OF_OTHERS = 50


@dataclass(frozen=True)
class Moves:
    """The newest moves of an alias, the newest first; ``is_all``: no older ones are left out."""

    alias: str
    events: Sequence[Event]
    is_all: bool

    @property
    def versions(self) -> set[str]:
        """What it has named, as far as is known here."""
        return {event.version for event in self.events if event.version is not None and event.alias == self.alias}

    @property
    def before(self) -> str | None:
        """What a rollback leads to, if the last move says it by itself."""
        last = next(iter(self.events), None)
        if last is None or last.event == "rollback" or not _names(last, self.alias):
            return None
        return last.previous_version if last.version != last.previous_version else None


def address(task: str, model_name: str, version: str) -> str | None:
    """Where the version's page is, if there is one."""
    if "pages.version" not in current_app.view_functions:
        return None
    return url_for("pages.version", task=task, model_name=model_name, version=version)


def in_order(aliases: Iterable[Alias]) -> list[Alias]:
    """Those that everybody looks for first, then those moved last."""
    moved_last = sorted(aliases, key=lambda one: one.updated_at or "", reverse=True)
    return sorted(moved_last, key=lambda one: FIRST.index(one.alias) if one.alias in FIRST else len(FIRST))


def moves_of(registry: ModelRegistry, task: str, model_name: str, names: Iterable[str]) -> list[Moves]:
    """The newest moves of each of the aliases, of so many as a strip shows."""
    found = []
    for name in list(names)[:MOST_ROWS]:
        limit = MOST_MOVES.get(name, MOST_MOVES_OF_OTHERS)
        page = registry.history(task, model_name, alias=name, order="desc", limit=limit)
        found.append(Moves(name, page.events, page.next is None))
    return found


def rows(task: str, model_name: str, moves: Iterable[Moves], now: datetime) -> list[Row]:
    """The rows of a strip."""
    return [_row(task, model_name, one, now.timestamp()) for one in moves]


def _row(task: str, model_name: str, moves: Moves, now: float) -> Row:
    blocks: list[Block] = []
    end: float | None = None
    until = ""
    for event in moves.events:
        began = parse_time(event.ts_utc)
        start = min(now if end is None else end, now if began is None else began.timestamp())
        if event.version is not None and _names(event, moves.alias):
            said = f"{event.version} · {figures.when(event.ts_utc)} – {until}".rstrip(" –")
            words = " · ".join(part for part in (said, event.actor, event.reason) if part)
            href = address(task, model_name, event.version)
            blocks.append(Block(start, end, event.version, words, href))
        end, until = start, figures.when(event.ts_utc)
    return Row(moves.alias, blocks[::-1], moves.alias if moves.alias in FIRST else "", None if moves.is_all else end)


def beginning(found: Sequence[Row], now: datetime) -> float:
    """Where the strip begins: with the first block, or a day ago if that is later."""
    first = min((row.blocks[0].start for row in found if row.blocks), default=now.timestamp())
    return first - 0.02 * (now.timestamp() - first) if first < now.timestamp() else now.timestamp() - 86_400


def named_at(registry: ModelRegistry, task: str, model_name: str, names: Iterable[str], until: datetime) -> list[Alias]:
    """What each of the aliases named just before ``until``; those that named nothing are left out."""
    last = registry.history(task, model_name, until=until, order="desc", limit=1).events
    found = []
    for name in names if last else ():
        moved = registry.history(task, model_name, alias=name, before=last[0].seq + 1, order="desc", limit=1).events
        event = next(iter(moved), None)
        if event is not None and _names(event, name):
            found.append(Alias(name, str(event.version), event.ts_utc, event.actor, event.reason, event.seq))
    return found


def _names(event: Event, alias: str) -> bool:
    """Whether the alias names the event's version from then on; else it names nothing."""
    return event.version is not None and event.alias == alias and event.event != "unalias"

"""The stream of events: ids that are understood by every catalogue of the registry.

An id is ``<epoch>.<position>.<known_at>``. The epoch is the catalogue's; in another one (another host's, or
one that was rebuilt) the position means nothing, and reading goes on a little before the time.

Positions count the events of all models. Whoever may not see them all is given ``<seq>-<16 hex>`` in the place of the
position, the event's own number and what stands for its model's name; no position that such a caller sends counts.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from ..format.chain import Line
from ..models.model import ModelStore
from ..storage.contract import Storage
from ..vocabulary.answers import StreamedEvent
from ..vocabulary.errors import InvalidParameter, RegistryError
from ..vocabulary.streamed import Reached
from ..vocabulary.texts import format_time, parse_time
from .database import fact
from .pages import SHOWN

log = logging.getLogger(__name__)

_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_NAMED = re.compile(r"([0-9]{1,18})-([0-9a-f]{16})")


@dataclass(frozen=True)
class Noted:
    """An event that the catalogue knows of; its content is in the journal of its model."""

    id: str
    position: int
    task: str
    model_name: str
    seq: int


def start_of(connection: sqlite3.Connection, after: str | None, overlap_s: float, *, is_all: bool) -> int:
    """The position behind which to read. Raises ``InvalidParameter``.

    ``overlap_s``: how much later than it happened an event may have become known to the catalogue of the id.
    ``is_all``: whoever asks may see every model.
    """
    if not after:
        return 0
    made_by, _, rest = after.partition(".")
    place, _, known_at = rest.partition(".")
    moment = parse_time(known_at) if known_at else _EARLIEST
    is_position = place.isascii() and place.isdigit() and len(place) < 19
    named = _NAMED.fullmatch(place)
    if not (is_position or named) or moment is None:
        raise InvalidParameter("This is no id that the stream of events has given.", field="after")
    if made_by == fact(connection, "epoch"):
        position = int(place) if is_position and is_all else None
        if named is not None:
            position = _position_of(connection, int(named[1]), named[2], known_at)
        if position is not None:
            return position
    before = format_time(max(_EARLIEST + timedelta(seconds=overlap_s), moment) - timedelta(seconds=overlap_s))
    row = connection.execute("SELECT min(position) FROM event WHERE known_at >= ?", (before,)).fetchone()
    return int(row[0]) - 1 if row[0] is not None else last_position(connection)


def _position_of(connection: sqlite3.Connection, seq: int, name: str, known_at: str) -> int | None:
    sql = "SELECT position, task, name FROM event JOIN model ON id = model_id WHERE known_at = ? AND event.seq = ?"
    for position, *model in connection.execute(sql, (known_at, seq)):
        if _name(*model) == name:
            return int(position)
    return None


def _name(task: str, model_name: str) -> str:
    return hashlib.sha256(f"{task}/{model_name}".encode()).hexdigest()[:16]


def last_position(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(position), 0) FROM event").fetchone()[0])


def last_id(connection: sqlite3.Connection, shown: str | None, *, is_all: bool) -> str:
    """The id after which nothing is known yet, of the models that may be seen."""
    found = noted(connection, 0, 1, shown, is_all=is_all, order="DESC")
    # Of no event at all: now, so that what is old is not told to whoever comes to see it.
    now = "" if is_all else format_time(datetime.now(UTC))
    return found[0].id if found else f"{fact(connection, 'epoch')}.0.{now}"


def noted(
    connection: sqlite3.Connection, after: int, limit: int, shown: str | None, *, is_all: bool, order: str = "ASC"
) -> list[Noted]:
    """The events behind the position, of the models that may be seen (see :func:`.pages.shown_models`)."""
    epoch = fact(connection, "epoch")
    sql = (
        "SELECT position, known_at, task, name, event.seq FROM event JOIN model ON model.id = model_id"
        f" WHERE position > ?{'' if shown is None else f' AND model.id IN ({SHOWN})'} ORDER BY position {order} LIMIT ?"
    )
    values = (after, limit) if shown is None else (after, shown, limit)
    found = []
    for position, known_at, task, name, seq in connection.execute(sql, values):
        place = position if is_all else f"{seq}-{_name(task, name)}"
        found.append(Noted(f"{epoch}.{place}.{known_at}", position, task, name, seq))
    return found


def reached(connection: sqlite3.Connection, position: int) -> Reached:
    """All up to the position has been looked at."""
    return Reached(str(fact(connection, "epoch")), position)


def read(storage: Storage, wanted: list[Noted], warnings: set[str]) -> Iterator[StreamedEvent]:
    """The events with their content. One that is damaged, or gone, is passed over; the ``warnings`` say so.

    Raises ``StorageError`` where the store is away; on a filesystem only one model's journal is, and the
    others' events go on.
    """
    for (task, model_name), group in groupby(wanted, key=lambda one: (one.task, one.model_name)):
        ours = list(group)
        lines, damage = _lines(storage, task, model_name, {one.seq for one in ours})
        warnings.update(f"{task}/{model_name}: {one}" for one in damage)
        for one in ours:
            line = lines.get(one.seq)
            if line is not None and line.fields is not None:
                yield StreamedEvent(one.id, replace(line.event(), task=task, model_name=model_name))


def _lines(storage: Storage, task: str, model_name: str, seqs: set[int]) -> tuple[dict[int, Line], list[str]]:
    """(the events of those numbers, what breaks the chain among them)."""
    model, found = ModelStore(storage, task, model_name, 0.0), {}
    is_cheap = storage.documents.looks_are_cheap()  # else one more at either end is a request
    links = model.journal.links(model.keys.names, min(seqs) - 1)
    lines = model.told.linked(links) if is_cheap else model.journal.lines(min(seqs) - 1)
    try:
        for line in lines:
            if line.seq in seqs:
                found[line.seq] = line
            if line.seq >= max(seqs) + is_cheap:
                break
    except RegistryError as error:
        if not storage.failure_is_final(error):
            raise
        log.error("%s/%s: its events are left out of the stream: %s", task, model_name, error.message)
        return found, [error.message]
    return found, list(model.noticed.damaged.values())


def put_in_order(connection: sqlite3.Connection) -> None:
    """All events that a build has found have positions in the order of their times, and are counted by month."""
    kept = "known_at, model_id, seq, at, event, alias, version, previous_version, actor, reason, said, is_own, load"
    connection.execute(f"INSERT INTO event ({kept}) SELECT {kept} FROM arrived ORDER BY known_at, model_id, seq")
    connection.execute("DELETE FROM arrived")
    connection.execute(
        "INSERT INTO event_month SELECT model_id, substr(at, 1, 7), event, count(*) FROM event WHERE at <> ''"
        " GROUP BY 1, 2, 3"
    )


def happened_before(times: Sequence[str], now: str) -> list[str]:
    """For each event of a journal the time before which it was there.

    That is its own time. Where it has none, or an earlier one than the event before (a clock was wrong), it
    is that of the next event that has one: better told twice than never.
    """
    latest, usable = "", []
    for ts_utc in times:
        usable.append(ts_utc if ts_utc >= latest else "")
        latest = max(latest, ts_utc)
    found, following = [], now
    for ts_utc in reversed(usable):
        following = min(ts_utc, now) if ts_utc else following
        found.append(following)
    return found[::-1]

"""The stream of events: ids that are understood by every catalogue of the registry.

An id is ``<epoch>.<position>.<known_at>``. The epoch is the catalogue's; in another one (another host's, or
one that was rebuilt) the position means nothing, and reading goes on a little before the time.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from ..format.chain import Line
from ..format.encoding import format_time, parse_time
from ..models.model import ModelStore
from ..storage.contract import Storage
from ..vocabulary.answers import StreamedEvent
from ..vocabulary.errors import InvalidParameter, RegistryError
from .database import fact
from .pages import SHOWN

log = logging.getLogger(__name__)

_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Noted:
    """An event that the catalogue knows of; its content is in the journal of its model."""

    id: str
    position: int
    task: str
    model_name: str
    seq: int


def start_of(connection: sqlite3.Connection, after: str | None, overlap_s: float) -> int:
    """The position behind which to read. Raises ``InvalidParameter``.

    ``overlap_s``: how much later than it happened an event may have become known to the catalogue of the id.
    """
    if not after:
        return 0
    made_by, _, rest = after.partition(".")
    position, _, known_at = rest.partition(".")
    moment = parse_time(known_at) if known_at else _EARLIEST
    if not (position.isascii() and position.isdigit() and len(position) < 19) or moment is None:
        raise InvalidParameter("This is no id that the stream of events has given.", field="after")
    if made_by == fact(connection, "epoch"):
        return int(position)
    before = format_time(max(_EARLIEST + timedelta(seconds=overlap_s), moment) - timedelta(seconds=overlap_s))
    row = connection.execute("SELECT min(position) FROM event WHERE known_at >= ?", (before,)).fetchone()
    return int(row[0]) - 1 if row[0] is not None else _last_position(connection)


def _last_position(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(position), 0) FROM event").fetchone()[0])


def last_id(connection: sqlite3.Connection) -> str:
    """The id after which nothing is known yet."""
    row = connection.execute("SELECT position, known_at FROM event ORDER BY position DESC LIMIT 1").fetchone()
    position, known_at = row or (0, "")
    return f"{fact(connection, 'epoch')}.{position}.{known_at}"


def noted(connection: sqlite3.Connection, after: int, limit: int, shown: str | None) -> list[Noted]:
    """The events behind the position, of the models that may be seen (see :func:`.pages.shown_models`)."""
    epoch = fact(connection, "epoch")
    sql = (
        "SELECT position, known_at, task, name, event.seq FROM event JOIN model ON model.id = model_id"
        f" WHERE position > ?{'' if shown is None else f' AND model.id IN ({SHOWN})'} ORDER BY position LIMIT ?"
    )
    values = (after, limit) if shown is None else (after, shown, limit)
    return [
        Noted(f"{epoch}.{position}.{known_at}", position, task, name, seq)
        for position, known_at, task, name, seq in connection.execute(sql, values)
    ]


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
    said = "known_at, model_id, seq, at, event, alias, version, previous_version, actor, reason"
    connection.execute(f"INSERT INTO event ({said}) SELECT {said} FROM arrived ORDER BY known_at, model_id, seq")
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

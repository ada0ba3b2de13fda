"""A journal whose end was lost goes on after the loss: what is left of it, an empty line for each lost event, a repair.

So the number of every line is the ``seq`` of its event, as ever, and the ``prev`` of the repair holds all that is left.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from ..format.chain import Line, later_than, next_record
from ..format.events import REPAIR
from ..format.older import AllBefore
from ..vocabulary.errors import JournalCorrupt
from ..vocabulary.texts import encode, parse_time
from . import evidence
from .changes import Draft
from .evidence import Shown
from .model import ModelStore

MOST_LOST = 1_000_000  # more than that no journal loses: then the document that shows it is what is damaged


@dataclass(frozen=True)
class LostEnd:
    """What is left of a journal, and what is known of the rest.

    ``kept``: the last line that is left. ``lost_from`` to ``lost_to``: the events that are lost. ``shown_by``: what
    shows that there was the last of them. ``has_rest``: something that is no event stands behind ``kept``.
    """

    kept: Line | None
    lost_from: int
    lost_to: int
    shown_by: str
    has_rest: bool


def find(model: ModelStore) -> LostEnd | None:
    """What the journal has lost; None if it is not even suspected of it. Reads all of it; writes nothing."""
    looked = list(_all_shown(model))  # before the journal, which is never behind it
    kept: Line | None = None
    behind: list[Line] = []
    for line in model.journal.read_anew():
        if line.fields is None:
            behind.append(line)
        else:
            kept, behind = line, []
    end = kept.seq if kept is not None else 0
    shown = [one for one in looked if one.seq is not None and one.seq > end]
    shown = shown or evidence.beyond(model.journal, lambda: [one for one in looked if one.seq is None])
    if not shown and not behind:
        return None
    last = behind[-1].seq if behind else end + 1
    highest = max((one for one in shown if one.seq is not None), key=lambda one: one.seq or 0, default=None)
    says = Shown(f"line {last}", last) if behind else shown[0]
    if highest is not None and highest.seq is not None and highest.seq >= last:
        says, last = highest, highest.seq
    if last - end > MOST_LOST:
        raise JournalCorrupt(
            f"{says.says()} of {model.title}, but the journal ends at event {end}. So many events are not believed to "
            "be lost: look at that document first.",
            broken_seq=end + 1,
            faults=[{"seq": end + 1, "fault": says.says()}],
        )
    return LostEnd(kept, end + 1, last, says.where, bool(behind) or model.journal.is_torn())


def _all_shown(model: ModelStore) -> Iterable[Shown]:
    return chain(
        evidence.of_all(model.storage, model.keys),
        evidence.of_note(model.storage, model.keys),
    )


def go_on(model: ModelStore, lost: LostEnd, *, actor: str | None, reason: str | None) -> dict[str, Any]:
    """The journal goes on behind what is lost; the event that says so. Call with the model held.

    What no event stands in is set aside beside the journal, byte for byte.
    """
    aside = f"{model.keys.journal.rpartition('/')[0]}/damaged-{uuid.uuid4().hex}.txt"
    own = {
        "repaired": "journal",
        "paths": [aside.removeprefix(model.keys.model + "/")] if lost.has_rest else [],
        "lost_from": lost.lost_from,
        "lost_to": lost.lost_to,
        "shown_by": lost.shown_by,
    }
    fields = Draft(REPAIR, None, actor, reason, own=own).fields(model)
    gap = [b""] * (lost.lost_to - lost.lost_from + 1)
    left = (line.raw for line in model.journal.read_anew() if line.seq < lost.lost_from)
    now = datetime.now(UTC)
    after = parse_time(later_than(lost.kept.get("ts_utc") if lost.kept is not None else None, now))
    event = next_record(Line(lost.lost_to, b"", None), AllBefore(chain(left, gap)).digest, fields, after or now)
    model.storage.documents.replace_end(model.keys.journal, lost.lost_from - 1, [*gap, encode(event)], aside)
    model.storage.documents.note(model.key, event["seq"])
    return event

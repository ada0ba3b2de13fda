"""``ownership.json`` compared with what events say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..format.chain import Line, lost_range
from ..models import owners
from ..models.journal import OWNER
from ..models.model import ModelStore
from ..models.ownership import after, understood
from ..models.projections import seq_of
from ..vocabulary.owners import LEGACY_UNOWNED
from ..vocabulary.reports import Finding


def check(model: ModelStore, lines: Sequence[Line], *, is_pending: bool) -> Iterator[Finding]:
    """What is wrong with the document; ``lines`` are those events that are true."""
    where = f"{model.title} ownership"
    line = next((line for line in reversed(lines) if line.is_own and OWNER in (line.fields or {})), None)
    fields = owners.stored(model)
    said, seq = understood(model.keys, fields) if fields else None, seq_of(fields)
    shown = line.seq if line is not None else 0
    if fields != {} and said is None:
        so = "the journal says whose the model is" if line is not None else "only admins may see the model"
        message = f"ownership.json is damaged, of a later schema, or another model's; {so}"
        yield Finding("damage", where, message, "ownership_damaged")
    elif is_pending or (seq is not None and seq > shown and any(lost_range(line) for line in lines)):
        return  # the event that is left out here, or a lost one, may be what the document shows
    elif line is None and seq is not None:
        yield Finding("damage", where, "no event has made ownership.json", "ownership_differs")
    elif line is not None and fields == {}:
        message = f"event {line.seq} says whose the model is; no ownership.json"
        yield Finding("damage", where, message, "ownership_missing")
    elif line is not None and (seq != line.seq or said != after(line)):
        message = f"ownership.json does not say what event {line.seq} does"
        yield Finding("damage", where, message, "ownership_differs")
    elif said == LEGACY_UNOWNED:
        message = "older software's: only admins may see the model, until somebody says whose it is"
        yield Finding("note", where, message, "legacy_unowned")

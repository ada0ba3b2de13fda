"""Documents that are not what the journal says, and what they are when they are written anew.

Documents without ``seq``, which older software wrote, count as they are; so does one that shows a later event than the
last that is left about its thing, where events are lost. One of ours that no event has made is to be gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..format.chain import Line, lost_range
from ..vocabulary.errors import PackageCorrupt
from . import aliases, ownership, projections, proof, states, tombstones, vouching
from .changes import pending
from .journal import OWNER
from .model import ModelStore
from .projections import Projection


@dataclass(frozen=True)
class Due:
    """A document below the model's directory, and what the event ``seq`` makes of it; gone, if no event has made it."""

    path: str
    projection: Projection
    has_event: bool = True

    @property
    def seq(self) -> int:
        return self.projection.seq


def documents(model: ModelStore) -> list[Due]:
    """The documents of aliases, states and the owner that are due.

    Raises ``JournalCorrupt`` where the journal proves nothing.
    """
    lines = _events(model)
    moved: dict[str, Line] = {}
    said: dict[str, Line] = {}
    owned: list[Line] = []
    for line in lines:
        moved |= dict.fromkeys(aliases.moves(line.fields or {}), line)
        if line.get("set") is not None:
            said[line.get("version")] = line
        owned = [line] if OWNER in (line.fields or {}) else owned
    wanted = [aliases.projection(model.keys, line.fields or {}, alias) for alias, line in sorted(moved.items())]
    wanted += [
        states.projection(model.keys, line.fields or {}, model.journal.lines) for _, line in sorted(said.items())
    ]
    wanted += [ownership.projection(model.keys, line.fields or {}) for line in owned]
    wanted += [_vouched(model, line, lines) for _, line in sorted(vouching.followed(lines).items())]
    return _due(model, wanted, lines) + _nobodys(model, {one.key for one in wanted}, lines)


def _vouched(model: ModelStore, last: Line, lines: list[Line]) -> Projection:
    before = [line for line in lines if line.seq < last.seq and line.get("version") == last.get("version")]
    return vouching.projection(model.keys, last.fields or {}, lambda: before)


def _nobodys(model: ModelStore, known: set[str], lines: list[Line]) -> list[Due]:
    """Documents of ours that no event has made; none where events are lost that may have made them."""
    if any(lost_range(line) for line in lines):
        return []
    end, found = lines[-1].seq if lines else 0, []
    gone = {**model.keys.names, "version": None}
    ours = (model.keys.states, model.keys.evidences)  # older software has none of them
    listed = [one for prefix in (model.keys.aliases, *ours) for one in model.storage.documents.list(prefix)]
    there = [entry.key for entry in listed if entry.kind == "file" and entry.name.endswith(aliases.SUFFIX)]
    for key in [*there, model.keys.ownership]:
        is_state = key.startswith(ours)
        if key in known:
            continue
        try:
            fields = projections.read(model.storage, key)
            seq = projections.seq_of(fields)
        except ValueError:
            fields, seq = {}, 0 if is_state else None  # a damaged alias may be older software's
        except PackageCorrupt:
            continue  # no file
        if fields is not None and (is_state if seq is None else seq <= end):
            path = key.removeprefix(model.keys.model + "/")
            found.append(Due(path, Projection(key, end, "is not removed yet", lambda _: gone), False))
    return found


def graves(model: ModelStore) -> list[Due]:
    """The tombstones that are due, those that should be gone included. Raises as :func:`documents`."""
    lines = _events(model)
    moved = {line.get("version"): line for line in lines if line.get("event") in tombstones.MOVES}
    wanted = [
        tombstones.projection(model.keys, line.fields or {}, model.journal.lines) for _, line in sorted(moved.items())
    ]
    return _due(model, wanted, lines)


def _events(model: ModelStore) -> list[Line]:
    proof.require_chain(model)
    return [line for line in model.journal.lines() if line.is_own]


def _due(model: ModelStore, wanted: list[Projection], lines: list[Line]) -> list[Due]:
    end = None if any(lost_range(line) for line in lines) else max((line.seq for line in lines), default=0)
    prefix = model.keys.model + "/"
    last = lines[-1] if lines else None
    # What the last event says may be under way, and whoever changes the model next finishes it.
    return [
        Due(one.key.removeprefix(prefix), one)
        for one in wanted
        if _is_due(model, one, end) and not (last is not None and one.seq == last.seq and pending(model))
    ]


def _is_due(model: ModelStore, projection: Projection, end: int | None) -> bool:
    """``end``: the last event that a document can show; None where one that is lost may be shown."""
    new = projection.render(None)
    is_gone = projections.is_gone(new)
    try:
        found = projections.read(model.storage, projection.key)
    except ValueError:
        return True
    except PackageCorrupt:
        return False  # a link or the like: nothing writes there before somebody has removed it
    if found is None:
        return not is_gone
    shown = projections.seq_of(found)
    if shown is None:
        return "alias" not in new  # of the others there are only ours
    thing = "alias" if "alias" in new else "version"
    about = {} if is_gone or thing not in new else {thing: new[thing]}
    if not projections.is_about(found, model.keys.names | about):
        return True
    if shown > projection.seq:
        return end is not None and shown <= end
    if is_gone or shown < projection.seq:
        return True
    return any(found.get(name) != new.get(name) for name in {*new, *states.OPTIONAL})

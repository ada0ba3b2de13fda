"""Which documents of a model follow an event, beside those of aliases."""

from __future__ import annotations

from functools import partial

from ..format.events import REGISTER
from . import ownership, states, tombstones, used_keys, vouching
from .journal import OWNER, Event
from .projections import Projection
from .vouching import OneModel


def documents_of(model: OneModel, event: Event) -> list[Projection]:
    """The documents that the event changes, beside those of aliases."""
    storage, keys, journal = model.storage, model.keys, model.journal
    found: list[Projection] = []
    if event.get("set") is not None:
        was_set = partial(model.told.was_set, event["version"], event["seq"])
        found.append(states.projection(keys, event, journal.lines, was_set))
    if event["event"] in tombstones.MOVES:
        found.append(tombstones.projection(keys, event, journal.lines))
    if vouching.moved_by(storage, keys, event):
        found.append(vouching.projection(keys, event, partial(vouching.history, model, event)))
    if OWNER in event:
        found.append(ownership.projection(keys, event))
    key = used_keys.key_of(event) if event["event"] == REGISTER else None
    if key is not None and storage.packages.keeps_facts():
        found.append(used_keys.projection(keys, event, key))
    return found

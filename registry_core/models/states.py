"""What may change about a version: tags, description, the archived mark. Never inside its package.

Each is set by the ``set`` of an event and kept in ``state/<version>.json``, over what the package's own
metadata says (older software wrote tags, description and stage there).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..format.chain import Line
from ..format.layout import ModelKeys
from ..storage.contract import Storage
from ..vocabulary.texts import text_or_none
from . import older, projections
from .projections import Fields, Projection

OPTIONAL = ("description", "archived", "archived_reason")  # only in the documents of states that have them


@dataclass(frozen=True)
class State:
    """What has been set. A tag of None was removed; ``description`` counts only if ``is_described``.

    ``archived`` is None where nobody said either; ``archived_reason`` is that of the event.
    """

    tags: Mapping[str, Any] = field(default_factory=dict)
    is_described: bool = False
    description: str | None = None
    archived: bool | None = None
    archived_reason: str | None = None

    def after(self, event: Fields) -> State:
        """The state that the event leaves behind."""
        changed = event.get("set")
        if not isinstance(changed, Mapping):
            return self
        state = self
        if isinstance(changed.get("tags"), Mapping):
            state = replace(state, tags={**state.tags, **changed["tags"]})
        if "description" in changed:
            state = replace(state, is_described=True, description=text_or_none(changed["description"]))
        if isinstance(changed.get("archived"), bool):
            reason = text_or_none(event.get("reason")) if changed["archived"] else None
            state = replace(state, archived=changed["archived"], archived_reason=reason)
        return state

    def tags_over(self, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The version's tags, those in its package's metadata included."""
        merged = {**older.said_in(meta).tags, **self.tags}
        return {key: value for key, value in merged.items() if value is not None}

    def description_over(self, meta: Mapping[str, Any]) -> str | None:
        return self.description if self.is_described else older.said_in(meta).description

    def is_archived(self, meta: Mapping[str, Any]) -> bool:
        return self.archived if self.archived is not None else older.said_in(meta).is_archived


def replay(events: Iterable[Line], version: str) -> State:
    """The version's state after the events."""
    state = State()
    for line in events:
        if line.fields is not None and line.get("version") == version:
            state = state.after(line.fields)
    return state


def read(storage: Storage, keys: ModelKeys, version: str) -> tuple[State, int | None]:
    """(the version's state, the event that set it last). Raises ``ValueError`` for a document that is damaged."""
    fields = projections.read(storage, keys.state(version))
    seq = projections.seq_of(fields)
    if projections.is_damaged(fields or {}, {**keys.names, "version": version}):
        raise ValueError(keys.state(version))  # every such document is ours
    return _from_fields(fields), seq


def projection(
    keys: ModelKeys,
    event: Fields,
    history: Callable[[], Iterable[Line]],
    was_set: Callable[[], bool] = lambda: False,
) -> Projection:
    """The version's state document after an event with ``set``.

    ``history`` gives the model's events, to make a damaged document anew, or one that is gone: ``was_set`` tells
    whether an event before has set something.
    """
    version = event["version"]

    def render(old: Fields | None) -> Fields:
        if projections.is_damaged(old, {**keys.names, "version": version}) or (not old and was_set()):
            before = replay((line for line in history() if line.seq < event["seq"]), version)
        else:
            before = _from_fields(old)
        state = before.after(event)
        document = {**keys.names, "version": version, "tags": dict(state.tags)}
        if state.is_described:
            document["description"] = state.description
        if state.archived is not None:
            document["archived"] = state.archived
            document["archived_reason"] = state.archived_reason
        return {**document, "updated_at": event.get("ts_utc")}

    return Projection(keys.state(version), event["seq"], f"the state of {version} is not changed yet", render)


def _from_fields(fields: Fields | None) -> State:
    if fields is None:
        return State()
    tags, archived = fields.get("tags"), fields.get("archived")
    return State(
        tags=tags if isinstance(tags, dict) else {},
        is_described="description" in fields,
        description=text_or_none(fields.get("description")),
        archived=archived if isinstance(archived, bool) else None,
        archived_reason=text_or_none(fields.get("archived_reason")),
    )

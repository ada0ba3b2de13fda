"""What older software leaves behind in a model: moves without events of ours, and words inside the package.

It wrote alias documents and journal lines without a number, and tags, description and stage into the
package's own metadata. All of it is served as it stands, and gives way to whatever an event of ours says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..format.chain import Line
from ..format.layout import ModelKeys
from ..storage.contract import Storage
from ..vocabulary.stages import ARCHIVED
from ..vocabulary.texts import parse_time

Fields = Mapping[str, Any]


def last_own(lines: Iterable[Line]) -> tuple[Line | None, frozenset[str]]:
    """(our last event, the aliases that older software has moved since)."""
    own: Line | None = None
    since: set[str] = set()
    for line in lines:
        if line.is_own:
            own, since = line, set()
        elif isinstance(line.get("alias"), str):
            since.add(line.get("alias"))
    return own, frozenset(since)


def is_emptied(storage: Storage, keys: ModelKeys) -> bool:
    """Whether the model is what is left where somebody has taken its versions away, without an event."""
    if storage.packages.keeps_facts():
        return False  # older software knew directories alone; here a refused registration leaves as much
    there = {entry.key for entry in storage.documents.list(keys.model)}
    return not there.isdisjoint((keys.versions, keys.aliases))


def gives_way(document: Fields | None, event: Fields) -> bool:
    """Whether an alias's document without a ``seq`` was there before the event (or is damaged).

    It has no line in the journal, so only the times can tell.
    """
    written = parse_time(document.get("updated_at")) if document is not None else None
    promoted = parse_time(event["ts_utc"])
    return written is None or promoted is None or written < promoted


@dataclass(frozen=True)
class Said:
    """What a package's own metadata says of the version; an event of ours has the last word."""

    tags: Mapping[str, Any]
    description: str | None
    is_archived: bool


def said_in(meta: Mapping[str, Any]) -> Said:
    """What is said about the version in its ``model_meta.json``."""
    tags, description = meta.get("tags"), meta.get("description")
    return Said(
        tags=tags if isinstance(tags, dict) else {},
        description=description if isinstance(description, str) else None,
        is_archived=meta.get("stage") == ARCHIVED,
    )


def without_stage(meta: Fields, born: Callable[[], Line | None]) -> Fields:
    """The metadata without a stage that a caller of register wrote there: only older software kept the stage there.

    ``born`` gives the version's register event; it is asked only where there is such a word.
    """
    if meta.get("stage") != ARCHIVED or is_older(born()):
        return meta
    return {name: value for name, value in meta.items() if name != "stage"}


def is_older(born: Line | None) -> bool:
    """Whether older software made the version; ``born`` is its register event, if it has one."""
    return born is None or bool(born.get("adopted"))

"""What is told of a model between those who read the registry and those who write the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..vocabulary.owners import Ownership

_NONE: Mapping[str, Any] = {}
UNSURE = "?"  # the mark of what is to be looked at again


@dataclass(frozen=True)
class Known:
    """What the catalogue has of a model. ``turn`` counts who has written it, None: it has nothing.

    ``marks``: key below the model -> its mark when it was looked at. ``head``: digest of the event ``seq``.
    ``is_whole``: all of it has been read once. ``lost``, ``broken``: what lists say of its journal.
    """

    model_id: int | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    is_unsure: bool = False
    seq: int = 0
    head: str | None = None
    turn: int | None = None
    lost: str | None = None
    broken: str | None = None
    is_whole: bool = False


class Told(NamedTuple):
    """An event as the catalogue keeps it; ``at`` is empty where it does not say when it happened.

    ``said``: JSON of what else it shows.
    ``unaliased``: aliases that it removes beside its own. ``load``: what it says that loading the version may run.
    """

    seq: int
    at: str
    event: str
    alias: str | None
    version: str | None
    previous_version: str | None
    actor: str | None
    reason: str | None
    said: str | None
    is_own: bool
    load: str | None
    unaliased: tuple[str, ...]


@dataclass(frozen=True)
class News:
    """What the journal says that the catalogue has not. ``seq`` and ``head`` name its last event.

    ``named``: versions that it is about. ``moved``: aliases. ``proven``: versions registered, whose metadata cannot
    change. ``owner``: whose the model is, if it says so. ``broken``: that the journal is not what was written.
    """

    is_any: bool
    events: Sequence[Told]
    named: frozenset[str]
    moved: frozenset[str]
    proven: frozenset[str]
    seq: int
    head: str | None
    owner: Ownership | None = None
    broken: str | None = None


class Entry(NamedTuple):
    """A version as it is to be kept. ``values`` is None where it is left out, ``trouble`` says why."""

    version: str
    mark: str | None
    values: Mapping[str, Any] | None = None
    meta: str = ""
    annotations: str = ""
    metrics: Mapping[str, float] = _NONE
    tags: Mapping[str, str] = _NONE
    body: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Said:
    """What is said beside a package that the catalogue has: all of it that can change."""

    version: str
    stage: str
    annotations: str
    tags: Mapping[str, str]
    body: str


class Moved(NamedTuple):
    """An alias as it is now."""

    version: str
    updated_at: str | None
    actor: str | None
    reason: str | None
    seq: int | None


@dataclass(frozen=True)
class Change:
    """All that is new of a model. ``aliases``: None is one that is gone. ``keeps_mark``: the mark stays what it is.

    ``is_anew``: nothing of its events is to be kept. ``owner``: whose the model is; None: as it was.
    """

    versions: Sequence[Entry | Said]
    gone: Iterable[str]
    aliases: Mapping[str, Moved | None]
    news: News
    mark: str | None
    keeps_mark: bool
    lost: str | None
    is_anew: bool
    owner: Ownership | None = None

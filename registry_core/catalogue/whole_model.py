"""Models that the catalogue has nothing of: each with its first versions, and then the rest, so many at a time.

What is given and returned can be sent to another process and back.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..models import aliases
from ..models.model import ModelStore
from ..storage.contract import Storage
from ..vocabulary.errors import StorageUnavailable
from ..vocabulary.owners import Ownership
from . import reading
from .values import UNSURE, Entry, Known, Moved, News

log = logging.getLogger(__name__)

AT_ONCE = 250  # versions


@dataclass(frozen=True)
class Part:
    """Versions of a model, the aliases that name them, those whose packages cannot change, and those of
    which something was set."""

    task: str
    name: str
    versions: Sequence[str]
    pointing: Mapping[str, Sequence[str]]
    proven: frozenset[str]
    stated: frozenset[str]


@dataclass(frozen=True)
class Read:
    """Versions as they are, and what their documents show of the journal."""

    entries: Sequence[Entry]
    shown: Mapping[str, int]


@dataclass(frozen=True)
class Outline:
    """A model, its first versions read, and what is to be read yet."""

    task: str
    name: str
    mark: str | None
    aliases: Mapping[str, Moved]
    owner: Ownership
    news: News
    first: Read
    rest: Sequence[Part]
    shown: Mapping[str, int]


def outlines(storage: Storage, names: Sequence[tuple[str, str]]) -> list[Outline | None]:
    """The models, None for each that cannot be read. Raises ``StorageUnavailable`` where the store is away."""
    found: list[Outline | None] = []
    for task, name in names:
        try:
            found.append(_outline(storage, ModelStore(storage, task, name, 0.0)))
            continue
        except StorageUnavailable as error:
            if not storage.failure_is_final(error):
                raise
            log.error("%s/%s is left out of the catalogue: %s", task, name, error.message)
        except Exception:  # whatever is in one model must not keep the others from the list
            log.exception("%s/%s is left out of the catalogue", task, name)
        found.append(None)
    return found


def versions(storage: Storage, part: Part) -> Read:
    """Raises ``StorageUnavailable`` where the store is away."""
    model = ModelStore(storage, part.task, part.name, 0.0)
    found = [
        reading.read_version(
            model,
            version,
            part.pointing.get(version, ()),
            is_proven=version in part.proven,
            has_state=version in part.stated,
        )
        for version in part.versions
    ]
    return Read(found, dict(model.noticed.shown))


def _outline(storage: Storage, model: ModelStore) -> Outline:
    # Before reading: what changes meanwhile is found later.
    marks = reading.marks_of(model) if storage.documents.looks_are_cheap() else None
    news = reading.read_news(model, Known())
    assert news is not None
    is_unsure = news.is_any and reading.is_unfinished(model)
    names = marks.aliases if marks is not None else aliases.names(storage, model.keys)
    there, owner = reading.read_aliases(model, names), reading.owner_of(model, news, is_all=True)
    parts = _parts(model, there, news)
    task, name = model.keys.task, model.keys.model_name
    first = next(parts, Part(task, name, (), {}, frozenset(), frozenset()))
    mark = UNSURE if is_unsure else json.dumps(dict(marks.marks)) if marks is not None else None
    read = versions(storage, first)
    return Outline(task, name, mark, there, owner, news, read, list(parts), dict(model.noticed.shown))


def _parts(model: ModelStore, moved: Mapping[str, Moved], news: News) -> Iterator[Part]:
    named_by = reading.by_version(moved)
    present = sorted(reading.named(model, model.versions()))
    # Asked once, and not once for each: most have none.
    stated = {entry.name.removesuffix(".json") for entry in model.storage.documents.list(model.keys.states)}
    for start in range(0, len(present), AT_ONCE):
        some = present[start : start + AT_ONCE]
        pointing = {version: named_by[version] for version in some if version in named_by}
        proven, told = news.proven.intersection(some), stated.intersection(some)
        yield Part(model.keys.task, model.keys.model_name, some, pointing, frozenset(proven), frozenset(told))

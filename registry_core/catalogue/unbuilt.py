"""A page of a list by name while the catalogue is built: read from the registry itself, which costs what it shows.

Whatever needs to know all versions, as a search or another order, cannot be answered so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

from ..models import aliases, owners
from ..models.model import ModelStore
from ..models.visible import Visible
from ..storage.contract import Storage
from ..vocabulary.answers import CatalogState, ModelPage
from ..vocabulary.errors import StorageUnavailable
from ..vocabulary.texts import natural_order
from . import reading
from .pages import MAX_PAGE_BYTES
from .present import present_models
from .queries import NAME_ORDER, Query

log = logging.getLogger(__name__)

Place = tuple[str, str, str, str]  # of a version in the order of names


def can_answer(query: Query) -> bool:
    """Whether nothing is asked for but names, in their order."""
    others = (query.alias, query.stage, query.metric_gte, query.metric_lte, query.tags, query.fact, query.match())
    return query.order().columns == NAME_ORDER and not any(others)


def page(storage: Storage, query: Query, visible: Visible, state: CatalogState) -> ModelPage:
    """The page that the query asks for; how many versions there are in all is not known."""
    items: list[dict[str, Any]] = []
    room, last, following = MAX_PAGE_BYTES, None, None
    for place, model, named_by in _behind(storage, query, visible):
        if len(items) == query.limit or (room < 0 and items):
            following = last
            break
        entry = reading.read_version(model, place[3], named_by.get(place[3], ()), is_proven=True)
        last = place
        if entry.values is not None:
            room -= len(entry.meta) + len(entry.annotations)
            items.append({**json.loads(entry.meta), **json.loads(entry.annotations)})
    is_all = visible.can_see() is None
    how_far = f": {state.models_done} of {state.models_total} models" if is_all else ""
    said = (
        f"The catalogue is being built{how_far}. This page was read without it, so that nobody knows yet how many "
        "versions there are in all."
    )
    return ModelPage(items, None, query.cursor_after(following) if following is not None else None, [said])


def _behind(
    storage: Storage, query: Query, visible: Visible
) -> Iterator[tuple[Place, ModelStore, dict[str, list[str]]]]:
    """Every version behind the cursor, in order, with its model and the aliases of that by what they name."""
    is_descending, shown = query.order().descending, visible.can_see()
    after = tuple(query.after()) if query.cursor is not None else None
    models = {(model.keys.task, model.keys.model_name): model for model in present_models(storage)[0]}
    for name in sorted(models, reverse=is_descending):
        if query.task not in (None, name[0]) or query.model_name not in (None, name[1]):
            continue
        if after is not None and (name > after[:2] if is_descending else name < after[:2]):
            continue
        try:
            if shown is not None and not shown(*name, owners.read(models[name])):
                continue
            places = sorted(_places(models[name]), reverse=is_descending)
            named_by = _named_by(models[name]) if places else {}
        except StorageUnavailable as error:
            if not storage.failure_is_final(error):
                raise
            log.error("%s/%s is left out of a list: %s", *name, error.message)
            continue
        for place in places:
            if after is None or (place < after if is_descending else place > after):
                yield place, models[name], named_by


def _places(model: ModelStore) -> Iterator[Place]:
    for version in reading.named(model, model.versions()):
        yield model.keys.task, model.keys.model_name, natural_order(version), version


def _named_by(model: ModelStore) -> dict[str, list[str]]:
    return reading.by_version(reading.read_aliases(model, aliases.names(model.storage, model.keys)))

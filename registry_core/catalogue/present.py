"""Which models there are to be in the catalogue."""

from __future__ import annotations

import logging

from ..format.layout import TASKS, models
from ..models.model import ModelStore
from ..storage.contract import Storage
from ..vocabulary.errors import RegistryError
from ..vocabulary.texts import escaped, is_unicode

log = logging.getLogger(__name__)


def present_models(storage: Storage) -> tuple[list[ModelStore], set[str]]:
    """(every model that there is, tasks whose models cannot be listed).

    Raises ``StorageError`` where the store is away, which says nothing of any task.
    """
    found: list[ModelStore] = []
    unsure: set[str] = set()
    for task in storage.documents.list(TASKS):
        try:
            names = [entry.name for entry in storage.documents.list(models(task.name)) if entry.kind == "prefix"]
        except RegistryError as error:
            if not storage.failure_is_final(error):
                raise
            log.error("task %s is left out of the catalogue: %s", escaped(task.name), error.message)
            unsure.add(task.name)
            continue
        for name in names:
            model = ModelStore(storage, task.name, name, 0.0)
            if is_unicode(model.title):
                found.append(model)
            else:
                log.error("%s is left out of the catalogue: its name is no valid Unicode", escaped(model.title))
    return found, unsure

"""Every model that a registry has, as it is found in its storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..format.layout import TASKS, models
from ..storage.contract import Storage
from ..vocabulary.errors import StorageError
from .model import BeforeChange, ModelStore, OnChange


def all_models(
    storage: Storage,
    lock_timeout_s: float,
    on_change: OnChange | None = None,
    before_change: BeforeChange | None = None,
    pass_over: Callable[[str, StorageError], None] | None = None,
) -> Iterator[ModelStore]:
    """Every model of the registry, sorted by task and name.

    ``pass_over`` hears of a task whose models cannot be listed; without it that is raised.
    """
    for task in storage.documents.list(TASKS):
        if task.kind != "prefix":
            continue
        try:
            names = [entry.name for entry in storage.documents.list(models(task.name)) if entry.kind == "prefix"]
        except StorageError as error:
            if pass_over is None:
                raise
            pass_over(task.name, error)
            continue
        for name in names:
            yield ModelStore(storage, task.name, name, lock_timeout_s, on_change, before_change)

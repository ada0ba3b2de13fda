"""Every model that a registry has, as it is found in its storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..format.layout import TASKS, models
from ..storage.contract import Storage
from ..vocabulary.errors import RegistryError
from .model import BeforeChange, ModelStore, OnChange


def all_models(
    storage: Storage,
    lock_timeout_s: float,
    on_change: OnChange | None = None,
    before_change: BeforeChange | None = None,
    pass_over: Callable[[str, RegistryError], None] | None = None,
) -> Iterator[ModelStore]:
    """Every model of the registry, sorted by task and name; what lies in the place of one, as a link does, too.

    ``pass_over`` hears of a task whose models cannot be listed; without it that is raised.
    """

    def names(prefix: str, title: str) -> list[str]:
        try:
            return [entry.name for entry in storage.documents.list(prefix) if entry.kind != "file"]
        except RegistryError as error:
            if pass_over is None:
                raise
            pass_over(title, error)
            return []

    for task in names(TASKS, TASKS):
        for name in names(models(task), task):
            yield ModelStore(storage, task, name, lock_timeout_s, on_change, before_change)

"""The verbs that tell what happened: of one model, by its journal or by the index, and of all models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from .. import verbs
from ..access.roles import Action
from ..catalogue.event_queries import EventQuery, written
from ..vocabulary.answers import HistoryPage
from ..vocabulary.filters import check_limit, parse_seq
from ..vocabulary.happened import ActivityPage, VerbsOfEvents
from .opening import OpenedRegistry

if TYPE_CHECKING:
    import sqlite3  # for a type alone

T = TypeVar("T")
MOST_VALUES = 1_000


class EventVerbs(OpenedRegistry, VerbsOfEvents):
    """What is asked of the index costs what is shown of it; what others write shows in it after a short while."""

    def history(
        self,
        task: str,
        model_name: str,
        *,
        alias: str | None = None,
        version: str | None = None,
        event: str | None = None,
        after: int = 0,
        limit: int = 100,
        order: str = "asc",
        before: str | int | None = None,
        actor: str | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        q: str | None = None,
    ) -> HistoryPage:
        wanted = {"alias": alias, "version": version, "event": event}
        if order == "asc" and not any(more is not None for more in (before, actor, since, until, q)):
            page = verbs.history.history(self._model(task, model_name, Action.READ).require(), wanted, after, limit)
            return replace(page, events=self._unnamed(page.events))
        from ..catalogue import happened  # only when it is wanted

        query = self._query(**wanted, actor=actor, since=since, until=until, q=q, order=order, limit=limit)
        last = parse_seq("after", after) or 0, parse_seq("before", before)
        found = self._of_index(task, model_name, lambda told, number: happened.of_model(told, number, query, *last))
        return HistoryPage([], None) if found is None else replace(found, events=self._unnamed(found.events))

    def activity(
        self,
        *,
        order: str = "desc",
        before: str | None = None,
        alias: str | None = None,
        version: str | None = None,
        event: str | None = None,
        actor: str | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        q: str | None = None,
        limit: int = 100,
    ) -> ActivityPage:
        wanted = {"alias": alias, "version": version, "event": event, "actor": actor}
        query = self._query(**wanted, since=since, until=until, q=q, order=order, limit=limit)
        page = self._catalogue.activity(query, before, self._visible)
        return replace(page, events=self._unnamed(page.events))

    def event_months(self, task: str, model_name: str) -> tuple[tuple[str, str, int], ...]:
        """(month, as 2026-11; kind of event; how many) of the model, the newest month first.

        Raises ``ModelNotFound``, ``StorageUnavailable``.
        """
        from ..catalogue import happened  # only when it is wanted

        return self._of_index(task, model_name, happened.months) or ()

    def metric_values(
        self, task: str, model_name: str, key: str, limit: int = MOST_VALUES
    ) -> tuple[tuple[str, str | None, float], ...]:
        """(version, when it was made, its value) of the newest versions that have the metric, oldest first.

        Raises ``ModelNotFound``, ``InvalidParameter``, ``StorageUnavailable``.
        """
        from ..catalogue import measured  # only when it is wanted

        check_limit(limit, MOST_VALUES)
        return self._of_index(task, model_name, lambda told, number: measured.values(told, number, key, limit)) or ()

    def metric_keys(self, task: str, model_name: str) -> tuple[str, ...]:
        """The metrics that any of the newest 20 versions has, sorted.

        Raises ``ModelNotFound``, ``StorageUnavailable``.
        """
        from ..catalogue import measured  # only when it is wanted

        return self._of_index(task, model_name, measured.keys) or ()

    def _of_index(self, task: str, model_name: str, ask: Callable[[sqlite3.Connection, int], T]) -> T | None:
        """What the index says of the model; None where it has not come to know it yet. Raises ``ModelNotFound``."""
        return self._catalogue.of_model(self._model(task, model_name, Action.READ), self._visible, ask)

    def _query(
        self, *, since: str | datetime | None, until: str | datetime | None, order: str, limit: int, **words: str | None
    ) -> EventQuery:
        moments = {
            name: None if moment is None else verbs.resolution.moment_of(moment, name)
            for name, moment in (("since", since), ("until", until))
        }
        query = EventQuery(
            **words,
            since=written(moments["since"]),
            until=written(moments["until"]),
            order=order,
            limit=limit,
            names_nobody=self._door is not None and self._door.is_nobody,
        )
        query.check()
        return query

"""The verbs over the whole registry, over HTTP: lists, searches, and the stream of events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from registry_core import (
    CatalogState,
    Filters,
    ModelPage,
    StreamedEvent,
    SummaryFilters,
    SummaryPage,
    TaskSummary,
    Warned,
    taking,
)

from .answers import read, whole_number
from .calls import list_of
from .connection import Connected
from .event_stream import watch
from .pages import page_of

QUERY_NAMES = {"tags": "tag", "text": "q"}


class ListingVerbs(Connected):
    """They change nothing, and are sent again after failures in passing."""

    @taking(Filters)
    def list_models(self, filters: Filters) -> ModelPage:
        """The versions that pass all filters, as ``ModelRegistry.list_models`` gives them.

        Raises ``InvalidParameter``, ``StorageUnavailable``.
        """
        query = {QUERY_NAMES.get(name, name): value for name, value in asdict(filters).items()}
        answer = self._transport.call("GET", "/v1/models", query=query)
        page = page_of(ModelPage, answer, filters.cursor)
        told = answer.headers.get("X-Total-Count")
        total = whole_number(told) if told is not None else None
        return read(ModelPage, {**page, "total": len(page["items"]) if total is None and told is not None else total})

    @taking(SummaryFilters)
    def list_summaries(self, filters: SummaryFilters) -> SummaryPage:
        """The models that pass all filters, as ``ModelRegistry.list_summaries`` gives them.

        Raises ``InvalidParameter``, ``StorageUnavailable``.
        """
        answer = self._transport.call("GET", "/v1/models/summary", query=asdict(filters))
        page = page_of(SummaryPage, answer, filters.cursor)
        total = whole_number(answer.headers.get("X-Total-Count", ""))
        return read(SummaryPage, {**page, "total": len(page["items"]) if total is None else total})

    def list_tasks(self) -> Warned[TaskSummary]:
        """Every task, as ``ModelRegistry.list_tasks`` gives them."""
        return list_of(TaskSummary, self._get_json("/v1/tasks"), "tasks")

    def watch(self, after: str | None = None, *, limit: int | None = None) -> Iterator[StreamedEvent]:
        """The events of all models as they happen, from now on or after an id (``""`` or ``"0"``: from the beginning).

        None is skipped and none comes twice when the connection breaks; the stream is taken up again for as long
        as the caller listens. ``limit``: ends after so many. Raises ``InvalidParameter`` for a wrong id, and
        ``StorageUnavailable`` where the registry does not answer at the beginning.
        """
        return watch(self._transport, after, limit)

    @property
    def catalog_state(self) -> CatalogState:
        """How far the worker that answers has come in building the catalogue."""
        return read(CatalogState, self._get_json("/health/ready").get("catalog"))

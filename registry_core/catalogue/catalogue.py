"""The catalogue: a disposable index over the whole registry, for lists, searches and the stream of events.

A projection like the documents, but of everything at once: it can be deleted at any time and comes back by itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ..models.model import ModelStore
from ..models.visible import Visible
from ..storage.contract import Storage
from ..vocabulary.answers import ModelPage, StreamedEvent, TaskSummary, Warned
from ..vocabulary.bounded import Bounded
from ..vocabulary.errors import IndexBuilding
from ..vocabulary.happened import ActivityPage
from ..vocabulary.streamed import Reached, Streamed
from ..vocabulary.summaries import Facets, SummaryPage
from ..vocabulary.texts import is_unicode
from . import event_stream, happened, model_list, unbuilt
from .database import Trouble, fact, snapshot
from .event_queries import EventQuery
from .keeping import FULL_REFRESH_S, OVERLAP_S, CatalogueProgress, Kept, answered, building_now
from .model_queries import SummaryQuery
from .pages import (
    SHOWN,
    Selection,
    count_all,
    damaged,
    left_out,
    lost_ends,
    model_id,
    passing,
    remarks,
    select,
    shown_models,
)
from .place import catalogue_path
from .queries import Query

T = TypeVar("T")
__all__ = ["Catalogue", "CatalogueProgress", "catalogue_path"]

SELECTIONS_BYTES = 32 * 1024 * 1024  # each has a byte for every version
MAX_REBUILDS = 10  # while one question waits
COUNTS = 100  # of models, by what was asked for


class Catalogue(Kept):
    """The catalogue of one registry, and what is asked of it."""

    def __init__(self, storage: Storage, path: Path, refresh_s: float, processes: int = 1) -> None:
        super().__init__(storage, path, refresh_s, processes)
        # By the state of the catalogue too, so that what is not true any more is not asked for again.
        self._passing: Bounded[object, Selection] = Bounded(SELECTIONS_BYTES, lambda found: found.size_bytes)
        self._totals: Bounded[object, int] = Bounded(1)
        self._counts: Bounded[object, int] = Bounded(COUNTS)
        self._facets: Bounded[object, Facets] = Bounded(COUNTS // 10)

    @contextmanager
    def _asking(self, visible: Visible) -> Iterator[sqlite3.Connection]:
        """One moment of a catalogue that is whole and fresh. Raises ``StorageUnavailable``."""
        with answered():
            for _ in range(MAX_REBUILDS):
                try:
                    self.ensure_fresh()
                except IndexBuilding:
                    if visible.can_see() is None:
                        raise
                    raise building_now(None) from None
                self._catch_up()
                with self._database.reading() as connection, snapshot(connection):
                    # Somebody may have begun to build it anew since.
                    if fact(connection, "built") is not None:
                        yield connection
                        return
            raise Trouble(f"{self._database.path}: it is built anew again and again")

    def require(self, visible: Visible) -> None:
        """It is built and fresh, waited for if need be. Raises ``StorageUnavailable``."""
        with self._asking(visible):
            pass

    def versions(self, query: Query, visible: Visible) -> ModelPage:
        """The versions that the query asks for, and how many there are in all. Raises ``InvalidParameter``.

        While another process or thread makes the first build, a list by name is read from the registry itself.
        """
        query.check()
        if unbuilt.can_answer(query) and self.is_being_built():
            return unbuilt.page(self._storage, query, visible, self.state)
        with self._asking(visible) as connection:
            shown = shown_models(connection, visible)
            # What passes is kept until the catalogue changes, since finding it costs what it finds.
            state = _state(connection)
            asked = (query.selection(), shown, state)
            found = self._passing.get(asked) or passing(connection, query, shown)
            if found is not None:
                self._passing.put(asked, found)
                total = found.total
            else:
                total = self._totals.get(state) or count_all(connection)
                self._totals.put(state, total)
            page, warnings = select(connection, query, found), remarks(connection, query, found, shown)
        return ModelPage(page.items, total, page.next, warnings)

    def summaries(self, query: SummaryQuery, visible: Visible) -> SummaryPage:
        """The models that the query asks for, a row each. Raises ``InvalidParameter``."""
        query.check()
        with self._asking(visible) as connection:
            shown = shown_models(connection, visible)
            asked = (query.selection(), shown, _state(connection))
            total = self._counts.get(asked)
            if total is None:
                total = model_list.count(connection, query, shown)
                self._counts.put(asked, total)
            items, following = model_list.page(connection, query, shown)
            warnings = [*damaged(connection, shown), *left_out(connection, query.task, shown)]
        return SummaryPage(items, following, total, warnings)

    def facets(self, visible: Visible) -> Facets:
        """What models can be filtered by, and how many there are of each."""
        with self._asking(visible) as connection:
            asked = (shown := shown_models(connection, visible), _state(connection))
            found = self._facets.get(asked) or model_list.facets(connection, shown)
            self._facets.put(asked, found)
            return found

    def of_model(self, model: ModelStore, visible: Visible, ask: Callable[[sqlite3.Connection, int], T]) -> T | None:
        """What is asked of the model by its number; None where the catalogue has not come to know it yet.

        Raises ``ModelNotFound``, ``StorageUnavailable``.
        """
        task, model_name = model.keys.task, model.keys.model_name
        if is_unicode(task + model_name):
            with self._asking(visible) as connection:
                found = model_id(connection, task, model_name, visible)
                if found is not None:
                    return ask(connection, found)
        model.require()
        return None

    def activity(self, query: EventQuery, cursor: str | None, visible: Visible) -> ActivityPage:
        """The events of all models from the cursor on that the query asks for. Raises ``InvalidParameter``."""
        with self._asking(visible) as connection:
            shown = shown_models(connection, visible)
            return ActivityPage(*happened.of_all(connection, query, shown, cursor), damaged(connection, shown))

    def tasks(self, visible: Visible) -> Warned[TaskSummary]:
        """Every task that has a model, sorted."""
        with self._asking(visible) as connection:
            shown = shown_models(connection, visible)
            sql = (
                "SELECT task, count(*), sum(versions), sum(bytes) FROM model WHERE (seq > 0 OR versions > 0)"
                f"{'' if shown is None else f' AND id IN ({SHOWN})'} GROUP BY task ORDER BY task"
            )
            found = [TaskSummary(*row) for row in connection.execute(sql, () if shown is None else (shown,))]
            return Warned(found, [*lost_ends(connection, shown), *left_out(connection, None, shown)])

    def events(self, after: str | None, limit: int, visible: Visible, since: Reached | None = None) -> Streamed:
        """Events of all models after the id, in the order in which they became known here.

        ``after``: None or empty is the beginning. An id of another catalogue (another replica's, or one from
        before a rebuild) begins a little before its time: nothing is skipped as long as the clocks of writers
        are right to within ``OVERLAP_S``, and a few events may come again. ``since``: how far an earlier answer has
        reached, which is not looked through again.
        """
        overlap_s = OVERLAP_S + self._refresh_s + (FULL_REFRESH_S if self._is_fed else 0.0)
        is_all = visible.can_see() is None
        found: list[StreamedEvent] = []
        damage: set[str] = set()
        missed, before = False, since
        while (wanted := limit - len(found)) > 0:
            with self._asking(visible) as connection:
                start = event_stream.start_of(connection, after, overlap_s, is_all=is_all)
                if since is not None and since.epoch == fact(connection, "epoch"):
                    start = max(start, since.position)
                shown = shown_models(connection, visible)
                noted = event_stream.noted(connection, start, wanted, shown, is_all=is_all)
                is_end = len(noted) < wanted
                last = event_stream.last_position(connection) if is_end else noted[-1].position
                since = event_stream.reached(connection, last)
                lost = lost_ends(connection, shown)
            found += event_stream.read(self._storage, noted, damage)
            missed = missed or len(found) < limit - wanted + len(noted)
            if is_end:
                break
            after = noted[-1].id  # some of them were damaged, and are passed over
        answer = Streamed(found, [*lost, *sorted(damage)])
        answer.reached = before if missed else since  # what could not be read is tried again
        return answer

    def last_event(self, visible: Visible) -> str:
        """The id after which nothing is known yet, of the models that may be seen."""
        is_all = visible.can_see() is None
        with self._asking(visible) as connection:
            return event_stream.last_id(connection, shown_models(connection, visible), is_all=is_all)


def _state(connection: sqlite3.Connection) -> tuple[object, object]:
    """What is remembered of answers is true for as long as this is the same."""
    return fact(connection, "epoch"), fact(connection, "changes")

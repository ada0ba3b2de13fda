"""The verbs over the whole registry: lists, searches, and the stream of events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..access.roles import Action
from ..catalogue.model_queries import SummaryQuery
from ..catalogue.queries import Query
from ..models.model import ModelStore
from ..vocabulary.answers import CatalogState, ModelPage, TaskSummary, Warned
from ..vocabulary.errors import ModelNotFound, StorageUnavailable
from ..vocabulary.filters import check_limit
from ..vocabulary.parameters import taking
from ..vocabulary.streamed import Reached, Streamed
from ..vocabulary.summaries import Facets, ModelSummary, SummaryPage, VersionPage
from .opening import OpenedRegistry

if TYPE_CHECKING:
    from ..catalogue.catalogue import CatalogueProgress

MAX_EVENTS = 1000


class ListingVerbs(OpenedRegistry):
    """Answers come from a disposable index, which shows other writers' changes after a short while."""

    @taking(Query)
    def list_models(self, query: Query) -> ModelPage:
        """The versions that pass all filters: metadata, with tags, stage, description and aliases.

        Pages by ``cursor`` (the ``next`` of the page before) neither skip nor repeat while versions are added.
        Raises ``InvalidParameter``, ``StorageUnavailable``.
        """
        return self._catalogue.versions(query, self._visible)

    @taking(SummaryQuery)
    def list_summaries(self, query: SummaryQuery) -> SummaryPage:
        """The models that pass all filters, a row each: what is newest, which aliases there are, how large it is.

        Pages by ``cursor`` (the ``next`` of the page before). Raises ``InvalidParameter``, ``StorageUnavailable``.
        """
        page = self._catalogue.summaries(query, self._visible)
        return replace(page, items=[replace(one, aliases=self._unnamed(one.aliases)) for one in page.items])

    def list_facets(self) -> Facets:
        """What models can be filtered by, and how many models there are of each. Raises ``StorageUnavailable``."""
        return self._catalogue.facets(self._visible)

    def summary(self, task: str, model_name: str) -> ModelSummary:
        """The model as :meth:`list_summaries` has it. Raises ``ModelNotFound``, ``StorageUnavailable``."""
        from ..catalogue import model_list  # only when it is wanted

        model = self._model(task, model_name, Action.READ)
        found = self._catalogue.of_model(model, self._visible, model_list.one)
        if found is None:
            raise _not_there(model)
        return replace(found, aliases=self._unnamed(found.aliases))

    def list_versions(
        self,
        task: str,
        model_name: str,
        *,
        metrics: tuple[str, ...] = (),
        limit: int = 100,
        cursor: str | None = None,
    ) -> VersionPage:
        """The versions of the model, the last made first, with who made each and what it achieved of ``metrics``.

        Pages by ``cursor`` (the ``next`` of the page before). Raises ``ModelNotFound``, ``InvalidParameter``,
        ``StorageUnavailable``.
        """
        from ..catalogue import version_list  # only when it is wanted

        model = self._model(task, model_name, Action.READ)
        page = self._catalogue.of_model(
            model, self._visible, lambda told, number: version_list.page(told, number, metrics, limit, cursor)
        )
        if page is None:
            raise _not_there(model)
        return replace(page, items=self._unnamed(page.items))

    def require_catalogue(self) -> None:
        """The catalogue is built, waited for if need be. Raises ``IndexBuilding``, ``StorageUnavailable``."""
        self._catalogue.require(self._visible)

    def list_tasks(self) -> Warned[TaskSummary]:
        """Every task, with its models, their versions and the bytes of those; ``warnings`` say what is not counted."""
        return self._catalogue.tasks(self._visible)

    def events(self, after: str | None = None, limit: int = 100, *, since: Reached | None = None) -> Streamed:
        """Events of all models after that id (from the beginning if empty or None), oldest known first.

        An id of another replica, or from before the catalogue was rebuilt, is understood too: then a few
        events may come again, and none is skipped; ``warnings`` say what is passed over. ``since``: the ``reached`` of
        the answer before. Raises ``InvalidParameter``.
        """
        check_limit(limit, MAX_EVENTS)
        found = self._catalogue.events(after, limit, self._visible, since)
        found[:] = [replace(one, event=self._unnamed([one.event])[0]) for one in found]
        return found

    def last_event(self) -> str:
        """The id of the newest event known: what to give to :meth:`events` to hear of later ones only."""
        return self._catalogue.last_event(self._visible)

    def refresh_catalogue(self) -> None:
        """The catalogue is built or brought up to date, unless that was done lately or another process is at it."""
        self._catalogue.keep()

    def reindex(self, *, progress: CatalogueProgress | None = None) -> CatalogState:
        """The catalogue is made anew from nothing but the registry. Raises ``StorageUnavailable``."""
        self._require_admin()
        if not self._catalogue.refresh(force=True, progress=progress):
            raise StorageUnavailable("Another process is building the catalogue. Try again later.", retry_after_s=30)
        return self._catalogue.state

    @property
    def catalog_state(self) -> CatalogState:
        """How far the catalogue is built, in whatever process of this host; the numbers are the operator's."""
        state = self._catalogue.state
        return state if self._door is None else CatalogState(state.ready, 0, 0)


def _not_there(model: ModelStore) -> ModelNotFound:
    return ModelNotFound(f"There is no model {model.keys.title}.", **model.keys.names)

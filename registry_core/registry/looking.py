"""The verbs for whoever looks at a model's past."""

from __future__ import annotations

from dataclasses import replace

from .. import verbs
from ..access.roles import Action
from ..vocabulary.answers import Warned
from ..vocabulary.looking import DeletedVersion, SpanPage, VerbsOfLooking
from .opening import OpenedRegistry


class LookingVerbs(OpenedRegistry, VerbsOfLooking):
    """What each of them takes and guarantees says ``VerbsOfLooking``."""

    def list_deleted(self, task: str, model_name: str) -> Warned[DeletedVersion]:
        return verbs.looking.deleted(self._model(task, model_name, Action.READ).require())

    def alias_spans(self, task: str, model_name: str, alias: str | None = None, limit: int = 300) -> SpanPage:
        page = verbs.looking.alias_spans(self._model(task, model_name, Action.READ).require(), alias, limit)
        return replace(page, spans=self._unnamed(page.spans))

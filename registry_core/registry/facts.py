"""The verbs about what files are."""

from __future__ import annotations

from .. import verbs
from ..access.roles import Action
from ..vocabulary.facts import FactsOfVersion, VerbsOfFacts
from .opening import OpenedRegistry


class FactsVerbs(OpenedRegistry, VerbsOfFacts):
    """Nothing of a file is run for them. What each takes and guarantees says ``VerbsOfFacts``."""

    def facts(self, task: str, ref: str, *, details: bool = False) -> FactsOfVersion:
        found = self._find(task, ref, Action.USE if details else Action.READ)
        return verbs.facts.tell(found, self._settings.workers, details=details)

    def refresh_facts(
        self, task: str, ref: str, *, actor: str | None = None, reason: str | None = None
    ) -> FactsOfVersion:
        return verbs.facts.refresh(self._find(task, ref, Action.WRITE), self._settings.workers, actor, reason)

"""The verbs about whose a model is."""

from __future__ import annotations

from ..access.roles import Action
from ..vocabulary.access import ModelOwner
from .opening import OpenedRegistry


class OwningVerbs(OpenedRegistry):
    """Rules may look at owners; who may do what otherwise is not changed by them."""

    def own(
        self, task: str, model_name: str, org: str | None, *, actor: str | None = None, reason: str | None = None
    ) -> ModelOwner:
        """The model is the organization's from now on, or with None nobody's, by one event: for an admin of it.

        Raises ``ModelNotFound``, ``InvalidParameter``, ``StorageError``.
        """
        from ..verbs import owning  # only when it is wanted

        return owning.own(self._model(task, model_name, Action.ADMIN), org, actor=actor, reason=reason)

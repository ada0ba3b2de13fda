"""The verbs about whose a model is."""

from __future__ import annotations

from functools import partial

from ..access.roles import Action
from ..vocabulary.access import ModelOwner, ResolvedOwner
from ..vocabulary.errors import InvalidName
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

    def resolve_ownership(
        self, task: str, model_name: str, *, actor: str | None = None, reason: str | None = None
    ) -> ResolvedOwner:
        """As ``VerbsOfAccess.resolve_ownership``; whoever has the root is of no organization, and has :meth:`own`."""
        from ..verbs import owning  # only when it is wanted

        door = self._door
        if door is None:  # whoever has the root is of no organization
            model = self._model(task, model_name, Action.ADMIN)
            return owning.resolve(model, None, refusal=None, actor=actor, reason=reason)
        self._identity.confirm()
        refusal = door.require_resolving(task, model_name)
        ask = partial(door.require_resolving, task, model_name)
        try:
            model = door.open(self._storage, task, model_name, ask, self._around_changes())
        except InvalidName as error:
            raise refusal or error from None
        return owning.resolve(model, door.principal.org, refusal=refusal, actor=actor, reason=reason)

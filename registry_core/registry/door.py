"""The door: what one principal may do, by the rules as they are whenever a verb asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import TypeVar

from ..access.decisions import Decision, Required, Standing, decide
from ..access.document import AccessDocument
from ..access.held import HeldRules
from ..access.ownership import Owner
from ..access.principal import Kind, Principal
from ..access.roles import Action
from ..models import owners
from ..models.asking import Asking
from ..models.journal import By
from ..models.model import BeforeChange, ModelStore, OnChange, open_model
from ..models.visible import CanSee
from ..storage import Storage, StorageOptions, open_storage
from ..vocabulary.errors import PermissionDenied
from ..vocabulary.owners import NOT_THERE, UNOWNED, Ownership
from ..vocabulary.texts import check_new_name, printable

T = TypeVar("T")
_Ask = Callable[..., Decision]  # of an action, and by its name of an alias
_READS = (Action.READ, Action.USE)
# What says who has done something, or what it was with which names can be guessed: a digest of the line that has them.
# What other software has written may be anything.
_NAMING = ("actor", "claimed_actor", "principal", "owner", "more", "prev", "head")
_NOWHERE = "memory://where no model is"  # what may not be seen is looked for there: so each verb answers of itself


class Door:
    """Every question is answered anew. All raise ``AccessUnreadable``."""

    def __init__(
        self, principal: Principal, rules: HeldRules, storage: Storage, still: Callable[[], object] | None = None
    ) -> None:
        self.principal, self.still = principal, still
        self._rules = rules
        self._storage = storage

    @property
    def whose(self) -> tuple[str, str]:
        return self.principal.whose

    @property
    def by(self) -> By:
        """What events say of the principal."""
        return By(self.principal.name or self.principal.subject, self.principal.recorded())

    @property
    def is_nobody(self) -> bool:
        return self.principal.kind is Kind.ANONYMOUS

    def unnamed(self, found: list[T]) -> list[T]:
        """What was found, as the principal is told of it: nobody is told who has done what."""
        if not self.is_nobody:
            return found
        return [replace(one, **{name: None for name in _NAMING if hasattr(one, name)}) for one in found]  # type: ignore[type-var]

    def model(
        self,
        task: str,
        model_name: str,
        action: Action,
        *more: str | None,
        around: tuple[float, OnChange, BeforeChange],
    ) -> ModelStore:
        """The model, if it may do that to it. ``more``: as :meth:`require`. Raises ``PermissionDenied``."""
        storage = self.storage_for(task, model_name, action, *more)
        return self.open(storage, task, model_name, lambda: self.require(task, model_name, action, *more), around)

    def open(
        self,
        storage: Storage,
        task: str,
        model_name: str,
        ask: Callable[[], object],
        around: tuple[float, OnChange, BeforeChange],
    ) -> ModelStore:
        """The model, of which ``ask`` was asked just now, and is again before anything is changed."""
        timeout_s, touch, before_change = around
        asking = Asking(ask, self.still)

        def ask_again() -> None:  # under the lock: rules may have moved while it was waited for
            before_change()
            asking.now()

        model = open_model(storage, task, model_name, timeout_s, touch, ask_again)
        model.by, model.names_nobody, model.asking = self.by, self.is_nobody, asking
        return model

    def storage_for(self, task: str, model_name: str, action: Action, *more: str | None) -> Storage:
        """Where the verb finds the model; where it may not be seen, a place where there is none.

        Whoever may see it and may not do this is refused, and so is whoever wants to change anything, whether or not
        there is such a model. Raises ``PermissionDenied``.
        """
        for field, name in (("task", task), ("model_name", model_name)):
            if not isinstance(name, str):
                check_new_name(field, name)
        ask = self._about(task, model_name)
        if action not in _READS:
            self._require(ask, action, *more)
            return self._storage
        found = ask(action)
        if found.allowed:  # whoever may use it may see it
            return self._storage
        if ask(Action.READ).allowed:
            self._required(found)
        if self.is_nobody:
            self._required(ask(action, ownership=NOT_THERE))  # signing in may help
        return open_storage(_NOWHERE, StorageOptions(), lambda _: False)

    def require(
        self,
        task: str,
        model_name: str,
        action: Action,
        alias: str | None = None,
        sets: str | None = None,
        names: str | None = None,
    ) -> Decision:
        """What gives it. ``sets``: the alias that a new version is given, ``names``: its own name.

        Raises ``PermissionDenied``.
        """
        return self._require(self._about(task, model_name), action, alias, sets, names)

    def _require(
        self, ask: _Ask, action: Action, alias: str | None = None, sets: str | None = None, names: str | None = None
    ) -> Decision:
        for field, name in (("alias", alias), ("alias", sets), ("version", names)):
            if name is not None and not isinstance(name, str):
                check_new_name(field, name)
        found = self._required(ask(action, alias=alias))
        if sets is not None:
            self._required(ask(Action.PROMOTE, alias=sets))
        if names is not None and self._standing().protects(names):
            self._required(ask(Action.PROMOTE, alias=names))
        return found

    def may(self, task: str, model_name: str, action: Action, alias: str | None = None) -> bool:
        """Whether :meth:`require` lets it pass."""
        try:
            self.require(task, model_name, action, alias)
        except PermissionDenied:
            return False
        return True

    def sources(self, task: str, model_name: str, allowed_roots: tuple[str, ...]) -> tuple[str, ...]:
        """Below which directories an ``artifacts_dir`` may lie; empty: anywhere. Raises ``PermissionDenied``.

        What the rules name narrows what the settings allow. Where those allow anything, only admins may name one.
        """
        given = self.require(task, model_name, Action.WRITE)
        if self.may(task, model_name, Action.ADMIN):  # not by his name alone: a token may leave less of an admin
            return allowed_roots
        wanted = given.sources
        narrowed = allowed_roots if wanted is None else tuple(_common(allowed_roots, wanted))
        if not narrowed:
            raise PermissionDenied(
                "The rules of access do not let you name an artifacts_dir. Send the files as an upload.",
                required={"action": str(Action.ADMIN), "on": printable(f"{task}/{model_name}"), "alias": None},
            )
        return narrowed

    def require_admin(self) -> None:
        """Of the registry itself. Raises ``PermissionDenied``."""
        self._required(self._standing().decide(Action.ADMIN, None))

    def require_resolving(self, task: str, model_name: str) -> PermissionDenied | None:
        """It may say whose a model of older software is: an admin of the model, or whoever the platform lets do so.

        Returns what the latter is told of every other model, there or not; None: an admin. Raises ``PermissionDenied``.
        """
        try:
            self.require(task, model_name, Action.ADMIN)
        except PermissionDenied as refusal:
            if not self._standing().resolves((task, model_name)):
                raise
            return refusal
        return None

    def require_known(self) -> None:
        """It is somebody whose rights have not ended. Raises ``PermissionDenied``."""
        if self.is_nobody:
            raise self._denied(Decision(False, Required(Action.READ, None, None)))
        self.require_counting()

    def require_counting(self) -> None:
        """The rights of the principal have not ended as a whole. Raises ``PermissionDenied``."""
        if self._standing().is_blocked:
            raise self._denied(Decision(False, Required(Action.READ, None, None)))

    def may_everywhere(self, action: Action) -> bool:
        """Whether it may do that to the registry itself."""
        return self._standing().decide(action, None).allowed

    @property
    def is_admin(self) -> bool:
        return self.may_everywhere(Action.ADMIN)

    def would_be_admin(self, rules: AccessDocument) -> bool:
        """Whether by those rules the principal is an admin of the registry."""
        return decide(rules, self.principal, Action.ADMIN, None).allowed

    def can_see(self) -> CanSee:
        """Whether a model may be seen, asked of many."""
        return self._standing().visible()

    def _standing(self) -> Standing:
        """What the rules say now; of whoever is nobody any more that it is blocked."""
        found = self._rules.standing(self.principal)
        if self.principal.is_expired(datetime.now(UTC)):
            return Standing(found.document, self.principal, (), is_blocked=True, is_admin=False)
        return found

    def _about(self, task: str, model_name: str) -> _Ask:
        """What the rules say of the model now, to be asked of one action after the other."""
        standing = self._standing()
        ownership = self._ownership(standing, task, model_name)
        return partial(standing.decide, model=(task, model_name), ownership=ownership)

    def _ownership(self, standing: Standing, task: str, model_name: str) -> Ownership:
        """Whose the model is; looked for only where a rule that means the caller asks."""
        if all(rule.owner is Owner.ANY for _, rule in standing.rules):
            return UNOWNED
        return owners.named(self._storage, task, model_name)

    def _required(self, found: Decision) -> Decision:
        if not found.allowed:
            raise self._denied(found)
        return found

    def _denied(self, found: Decision) -> PermissionDenied:
        """The refusal, with what would do: said by the rules and the caller alone, never by what is there."""
        required = found.required
        on, alias = (None if text is None else printable(text) for text in (required.on, required.alias))
        what = f"{required.action} to {on if on is not None else 'the registry'}"
        of_alias = f", of the alias {alias!r}" if alias is not None else ""
        takes = "An admin can."
        if found.role is not None:
            where = "there" if on is not None else "for all models"
            made_for_it = ", and a token that was made for it" if self.principal.cut is not None else ""
            takes = f"It takes the role {found.role} {where}, which an admin can give{made_for_it}."
        return PermissionDenied(
            f"The rules of access do not give you {what}{of_alias}. {takes}",
            required={"action": str(required.action), "on": on, "alias": alias},
        )


def _common(some: tuple[str, ...], others: tuple[str, ...]) -> Iterator[str]:
    """The directories that lie in one of each, as long as nobody changes where a link leads."""
    for one, other in product(some, others):
        deeper, upper = sorted((os.path.realpath(one), os.path.realpath(other)), key=len, reverse=True)
        if os.path.commonpath((deeper, upper)) == upper:
            yield deeper

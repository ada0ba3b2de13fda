"""Who may do what: the registry as one principal has it, and the rules that say so."""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self

from ..access.principal import Kind, Principal
from ..access.who import Issuers
from .maintaining import MaintainingVerbs

if TYPE_CHECKING:
    from ..access.held import HeldRules


class AccessVerbs(MaintainingVerbs):
    """Whoever opens the root is its operator, who may do everything; :meth:`as_` is the way in for all others."""

    _issuers = Issuers()

    def trust(self, issuers: Issuers) -> None:
        """What rules say of users, groups and permissions is said of these issuers'. Call it before :meth:`as_`."""
        self._issuers = issuers

    def as_(self, principal: Principal) -> Self:
        """The same registry, whose verbs do for the principal what the rules give, as they are at each call.

        All of them raise ``PermissionDenied`` and ``AccessUnreadable``. What the principal may not see is answered as
        what is not there. The operator has the registry itself.
        """
        origin = self._origin
        if principal.kind is Kind.OPERATOR:
            return origin
        from .door import Door  # only when it is wanted

        view = copy(origin)
        view._view_of, view._door = origin, Door(principal, origin._rules, self._storage)  # noqa: SLF001 - as this one
        view._visible = view._door  # noqa: SLF001 - as this one
        return view

    def admitted(self, text: str) -> Principal | None:
        """Who calls with this token of the registry; None if it does not count. Raises ``AccessUnreadable``."""
        self._identity.confirm()
        return self._origin._rules.admitted(text, datetime.now(UTC))  # noqa: SLF001 - a registry like this one

    @cached_property
    def _rules(self) -> HeldRules:
        from ..access.held import HeldRules  # only when it is wanted

        return HeldRules(self._own_journal(), self._issuers)

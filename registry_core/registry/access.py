"""Who may do what: the registry as one principal has it, and the rules that say so."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from ..access.principal import OPERATOR, Kind, Principal
from ..access.who import Issuers
from ..vocabulary.access import AccessRules, Caller, Change, MadeToken, Revocation, TokenFacts, Trial
from ..vocabulary.errors import InvalidParameter
from .owning import OwningVerbs
from .ruling import RulingVerbs, written

if TYPE_CHECKING:
    from ..access.held import HeldRules
    from ..access.in_force import InForce
    from ..access.roles import Action
    from ..access.sessions import Sessions
    from ..vocabulary.access import VerbsOfAccess


class AccessVerbs(OwningVerbs, RulingVerbs):
    """Whoever opens the root is its operator, who may do everything; :meth:`as_` is the way in for all others."""

    _issuers = Issuers()

    def trust(self, issuers: Issuers) -> None:
        """What rules say of users, groups and permissions is said of these issuers'. Call it before :meth:`as_`."""
        self._issuers = issuers

    def as_(self, principal: Principal, *, still: Callable[[], object] | None = None) -> Self:
        """The same registry, whose verbs do for the principal what the rules give, as they are at each call.

        All of them raise ``PermissionDenied`` and ``AccessUnreadable``. What the principal may not see is answered as
        what is not there. The operator has the registry itself. ``still`` raises where it is not known any more that it
        is the principal who calls: asked again and again by whatever goes on for long.
        """
        origin = self._origin
        if principal.kind is Kind.OPERATOR:
            return origin
        from .door import Door  # only when it is wanted

        view = copy(origin)
        view._view_of, view._door = origin, Door(principal, origin._rules, self._storage, still)  # noqa: SLF001 - as this one
        view._visible = view._door  # noqa: SLF001 - as this one
        return view

    def admitted(self, text: str) -> Principal | None:
        """Who calls with this token of the registry; None if it does not count. Raises ``AccessUnreadable``."""
        self._identity.confirm()
        return self._origin._rules.admitted(text, datetime.now(UTC))  # noqa: SLF001 - a registry like this one

    def require_caller(self) -> None:
        """Whoever calls still counts: is not blocked, has not expired, and came with no token that was revoked since.

        For what goes on for long; each verb asks by itself. Raises ``PermissionDenied``, ``AccessUnreadable``.
        """
        if self._door is not None:
            if self._door.still is not None:
                self._door.still()
            self._door.require_counting()

    def allows(self, task: str | None, model_name: str | None, action: Action, alias: str | None = None) -> bool:
        """Whether a verb that needs the action would not be refused now: for what a person is offered.

        Of the registry itself where both names are None; a promote without ``alias`` is to archive. The verb asks anew
        all the same. Raises ``AccessUnreadable``, ``InvalidName``.
        """
        if self._door is None:
            return True
        if task is None or model_name is None:
            return self._door.may_everywhere(action)
        return self._door.may(task, model_name, action, alias)

    @cached_property
    def _rules(self) -> HeldRules:
        from ..access.held import HeldRules  # only when it is wanted

        return HeldRules(self._own_journal(), self._issuers)

    def whoami(self) -> Caller:
        """Who calls. Raises ``PermissionDenied`` where nobody knows, or whose rights have ended."""
        if self._door is None:
            return OPERATOR.told(is_admin=True)
        self._door.require_known()
        return self._door.principal.told(is_admin=self._door.is_admin)

    @property
    def sessions(self) -> Sessions:
        """Who has signed in with a browser: for the service, which tells by them who calls."""
        self._identity.confirm()
        return self._origin._all_sessions  # noqa: SLF001 - a registry like this one

    @cached_property
    def _all_sessions(self) -> Sessions:
        from ..access.sessions import Sessions  # only when it is wanted

        return Sessions(self._storage, self._rules.still_admitted)

    # the rules themselves: for admins

    def access_rules(self, *, as_of: str | datetime | None = None) -> AccessRules:
        """The access document that holds, or held at that moment. Raises ``AccessUnreadable``, ``InvalidParameter``."""
        self._require_admin()
        held = self._rules_at(as_of)
        return AccessRules(None if held.data is None else json.loads(held.data), held.said.document_seq)

    def set_access_rules(
        self,
        document: bytes | Mapping[str, Any],
        *,
        expected_seq: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Change:
        """The document's rules hold from now on, here at once and elsewhere within five seconds; by one event.

        ``expected_seq``: the event of the document that it takes the place of, 0 for none; None: whichever it is. What
        it takes the place of need not be readable for the operator. Raises ``InvalidParameter``, also where whoever
        calls would be no admin any more, ``AccessMoved``, ``StorageError``.
        """
        from ..access import governing  # only when it is wanted
        from ..access.document import parse

        self._require_admin()
        data = written(document)
        rules = parse(data, self._origin._issuers)  # noqa: SLF001 - a registry like this one
        if self._door is not None and not self._door.would_be_admin(rules):
            raise InvalidParameter(
                "By this access document you would be no admin any more. Have another admin set it.", field="admins"
            )
        try:
            return governing.set_document(
                self._own_journal(self._require_admin), data, expected_seq=expected_seq, actor=actor, reason=reason
            )
        finally:
            self._origin._rules.forget()  # noqa: SLF001 - a registry like this one

    def try_access_rules(
        self,
        who: str,
        action: str,
        task: str,
        model_name: str,
        alias: str | None = None,
        *,
        as_of: str | datetime | None = None,
    ) -> Trial:
        """What the rules that hold, or held at that moment, give somebody of whom only this is known.

        He is named as a rule would name him: no event says of which groups somebody was. Raises ``InvalidParameter``,
        ``AccessUnreadable``.
        """
        from ..access import decisions, document  # only when it is wanted
        from ..access import who as named
        from ..access.roles import Action
        from ..models import owners

        self._require_admin()
        data = self._rules_at(as_of).data
        rules = document.default_rules(named.TO_TRY) if data is None else document.parse(data, named.TO_TRY)
        try:
            principal = named.principal_named(who)
        except ValueError as error:
            raise InvalidParameter(f"Who {error}.", field="who") from None
        asked = document.check_word("action", action, Action)
        ownership = owners.read(self._model(task, model_name, Action.ADMIN))
        return decisions.decide(rules, principal, asked, (task, model_name), alias, ownership).told()

    def _rules_at(self, as_of: str | datetime | None) -> InForce:
        self._identity.confirm()
        if as_of is None:
            return self._origin._rules.now()  # noqa: SLF001 - a registry like this one
        from ..access import in_force  # only when it is wanted
        from ..verbs.resolution import moment_of

        return in_force.read(self._own_journal(), self._origin._issuers, moment_of(as_of))  # noqa: SLF001 - as above

    # tokens: a service's for admins, a person's own for himself

    def create_token(
        self,
        kind: str,
        name: str,
        *,
        role: str | None = None,
        on: Sequence[str] | None = None,
        aliases: Sequence[str] | None = None,
        days: float = 90,
        actor: str | None = None,
        reason: str | None = None,
    ) -> MadeToken:
        """A token that counts from now on; its text is shown this once. ``role``, ``on``, ``aliases`` narrow it.

        A ``service`` token is made by an admin; a ``personal`` one by a person who has signed in, never by a token.
        Raises ``InvalidName``, ``InvalidParameter``, ``NameTaken``, ``StorageError``.
        """
        from ..access import document, governing, tokens  # only when it is wanted

        wanted = document.check_word("kind", kind, tokens.TokenKind)
        is_personal = wanted is tokens.TokenKind.PERSONAL
        ask = self._door.require_known if self._door is not None and is_personal else self._require_admin
        ask()
        owner = self._door.principal if self._door is not None and is_personal else None
        if not 0 < days <= tokens.LONGEST_LIFE.days:
            raise InvalidParameter(f"days is a number from 1 to {tokens.LONGEST_LIFE.days}.", field="days")
        life, cut = timedelta(days=days), tokens.cut_of(role, on, aliases)
        try:
            return governing.create_token(
                self._own_journal(ask), wanted, name, owner=owner, cut=cut, life=life, actor=actor, reason=reason
            ).told()
        finally:
            self._origin._rules.forget()  # noqa: SLF001 - a registry like this one

    def list_tokens(self) -> list[TokenFacts]:
        """The tokens that count, the oldest first: for an admin all, for others their own.

        Raises ``AccessUnreadable``.
        """
        from ..access import governing  # only when it is wanted

        found = governing.list_tokens(self._own_journal(), datetime.now(UTC))
        if self._door is not None and not self._door.is_admin:
            self._door.require_known()
            found = [one for one in found if one.owner is not None and one.owner.whose == self._door.whose]
        return [one.facts() for one in found]

    def revoke_token(self, token_id: str, *, actor: str | None = None, reason: str | None = None) -> Revocation:
        """The token counts no longer; its id names it, or its text. One may revoke the tokens that one is shown.

        Raises ``TokenNotFound``, ``StorageError``.
        """
        from ..access import governing, tokens  # only when it is wanted

        token_id, ask = tokens.id_of(token_id) or token_id, self._require_admin
        if self._door is not None and not self._door.is_admin:
            ask = self._door.require_known
            if token_id not in {one.id for one in self.list_tokens()}:
                raise governing.unknown(token_id)
        try:
            seq = governing.revoke_token(self._own_journal(ask), token_id, actor=actor, reason=reason)
        finally:
            self._origin._rules.forget()  # noqa: SLF001 - a registry like this one
        return Revocation(token_id, seq)


if TYPE_CHECKING:
    _: type[VerbsOfAccess] = AccessVerbs

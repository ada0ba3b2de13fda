"""What follows from the rules: whether a principal may do something, and which models it may see.

Rights add up over the rules; ``blocked`` ends them all; what a token's cut does not leave is not given. Nothing here
reads or remembers anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..models.visible import CanSee
from ..vocabulary import patterns
from ..vocabulary.access import Trial
from ..vocabulary.owners import UNOWNED, Ownership
from .document import AccessDocument, Rule
from .ownership import Owner, counts
from .principal import Kind, Principal, alias_is_left, covers
from .roles import Action, Role, gives, least_for
from .who import Who

Model = tuple[str, str]


@dataclass(frozen=True)
class Required:
    """What would have to be allowed: the action, on which model (None: the registry), on which alias."""

    action: Action
    on: str | None
    alias: str | None

    def to_dict(self) -> dict[str, str | None]:
        return {"action": str(self.action), "on": self.on, "alias": self.alias}


@dataclass(frozen=True)
class Decision:
    """``rules``: the numbers of the rules that give it, from 0. ``is_admin``: the list of admins does, or the root.

    ``is_blocked`` and ``is_cut``: why it is not given although it would be. ``role``: the least that would do, where
    the caller is not blocked. ``sources``: below which directories an ``artifacts_dir`` may lie; None where that is not
    narrowed.
    """

    allowed: bool
    required: Required
    rules: tuple[int, ...] = ()
    is_admin: bool = False
    is_blocked: bool = False
    is_cut: bool = False
    role: Role | None = None
    sources: tuple[str, ...] | None = None

    def told(self) -> Trial:
        """As whoever tries the rules is told."""
        return Trial(self.allowed, list(self.rules), self.is_admin, self.is_blocked)


@dataclass(frozen=True)
class Standing:
    """What the rules say of one principal, found once to be asked many times.

    ``rules``: those that mean it, with their numbers. ``is_admin``: the list of admins names it.
    """

    document: AccessDocument
    principal: Principal
    rules: tuple[tuple[int, Rule], ...]
    is_blocked: bool
    is_admin: bool

    def decide(
        self, action: Action, model: Model | None, alias: str | None = None, ownership: Ownership = UNOWNED
    ) -> Decision:
        """Whether the principal may do it to the model, or to the registry itself where ``model`` is None.

        A promote without ``alias`` is to archive, or to take that back, which only who approves may.
        """
        principal = self.principal
        required = Required(action, "/".join(model) if model is not None else None, alias)
        if principal.kind is Kind.OPERATOR:
            return Decision(True, required, is_admin=True)
        if self.is_blocked:
            return Decision(False, required, is_blocked=True)
        is_protected = alias is None or patterns.any_protects(self.document.protected_aliases, alias)
        given = [
            (number, rule)
            for number, rule in self.rules
            if covers(rule.on, model)
            and (rule.owner is Owner.ANY if model is None else counts(rule.owner, ownership, principal))
            and gives(rule.role, action, is_protected=is_protected)
            and alias_is_left(rule.aliases, action, alias)
        ]
        is_admin = self.is_admin and gives(Role.ADMIN, action)
        least = least_for(action, is_protected=is_protected)
        if not given and not is_admin:
            return Decision(False, required, role=least)
        if principal.cut is not None and not principal.cut.leaves(action, model, alias, is_protected=is_protected):
            return Decision(False, required, is_cut=True, role=least)
        sources = None if is_admin else _sources([rule for _, rule in given])
        return Decision(True, required, tuple(number for number, _ in given), is_admin, sources=sources)

    def protects(self, version: str) -> bool:
        """Whether a version of that name would stand in the place of a protected alias.

        Refs tell versions and aliases apart by nothing. What protects each alias there is means no version's name.
        """
        named = tuple(pattern for pattern in self.document.protected_aliases if pattern.strip("*"))
        return patterns.any_protects(named, version)

    def resolves(self, model: Model) -> bool:
        """Whether the principal may say whose a model of older software is, though it need be no admin."""
        cut, resolvers = self.principal.cut, self.document.resolvers
        if self.is_blocked or not any(one.matches(self.principal) for one in resolvers):
            return False
        return cut is None or cut.leaves(Action.ADMIN, model, None, is_protected=True)

    def visible(self) -> CanSee:
        """Whether a model may be read, as :meth:`decide` says, asked of many models."""
        principal, is_admin, cut = self.principal, self.is_admin, self.principal.cut
        if principal.kind is Kind.OPERATOR:
            return lambda *_: True
        if self.is_blocked:
            return lambda *_: False
        rules = [rule for _, rule in self.rules]

        def can_see(task: str, model_name: str, ownership: Ownership) -> bool:
            if cut is not None and not cut.leaves(Action.READ, (task, model_name), None, is_protected=True):
                return False
            return is_admin or any(
                counts(rule.owner, ownership, principal) and covers(rule.on, (task, model_name)) for rule in rules
            )

        return can_see


def standing(document: AccessDocument, principal: Principal) -> Standing:
    """What the rules of the document say of the principal."""

    def names(several: tuple[Who, ...]) -> bool:
        return any(one.matches(principal) for one in several)

    rules = tuple((number, rule) for number, rule in enumerate(document.rules) if names(rule.who))
    return Standing(document, principal, rules, names(document.blocked), names(document.admins))


def decide(
    document: AccessDocument,
    principal: Principal,
    action: Action,
    model: Model | None,
    alias: str | None = None,
    ownership: Ownership = UNOWNED,
) -> Decision:
    """As :meth:`Standing.decide`, asked once."""
    return standing(document, principal).decide(action, model, alias, ownership)


def _sources(rules: list[Rule]) -> tuple[str, ...] | None:
    named = [rule.sources for rule in rules if rule.sources is not None]
    if len(named) < len(rules):
        return None
    return tuple(sorted({source for sources in named for source in sources}))

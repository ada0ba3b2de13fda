"""Who is calling, as far as it was verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..vocabulary.access import Caller
from ..vocabulary.patterns import ModelPattern, any_matches
from ..vocabulary.texts import format_time
from .roles import Action, Role, gives


class Kind(StrEnum):
    """What calls. ``operator`` has the root itself; ``client`` is a program of an issuer, ``service`` has our token."""

    OPERATOR = "operator"
    ANONYMOUS = "anonymous"
    USER = "user"
    CLIENT = "client"
    SERVICE = "service"


@dataclass(frozen=True)
class Cut:
    """What a token leaves of what the rules give; what is None is left whole."""

    role: Role | None = None
    on: tuple[ModelPattern, ...] | None = None
    aliases: tuple[str, ...] | None = None

    def leaves(self, action: Action, model: tuple[str, str] | None, alias: str | None, *, is_protected: bool) -> bool:
        """Whether it leaves that action, on a model or, where that is None, on the registry."""
        if self.role is not None and not gives(self.role, action, is_protected=is_protected):
            return False
        if self.on is not None and not covers(self.on, model):
            return False
        return alias_is_left(self.aliases, action, alias)


@dataclass(frozen=True)
class Principal:
    """Nothing in it was only claimed.

    ``subject`` is the issuer's own name for it. ``name`` is what rules may call it too: a verified e-mail address, or
    the name of a service token. ``org`` and ``permissions`` count where the issuer is the platform's. ``token_id``
    names a token of the registry, ``via`` the way in; after ``expires_at`` it is nobody.
    """

    kind: Kind
    subject: str = ""
    issuer: str | None = None
    name: str | None = None
    groups: frozenset[str] = frozenset()
    org: str | None = None
    permissions: frozenset[str] = frozenset()
    token_id: str | None = None
    via: str | None = None
    expires_at: datetime | None = None
    cut: Cut | None = None

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    @property
    def whose(self) -> tuple[str, str]:
        """(issuer, subject): whose uploads, operations and keys its own are. Of a service token its name is both."""
        if self.kind is Kind.SERVICE:
            return "token", self.name or ""
        return self.issuer or "", self.subject

    def recorded(self) -> dict[str, str]:
        """What an event says of it."""
        said = {
            "sub": self.subject,
            "iss": self.issuer,
            "kind": str(self.kind),
            "org": self.org,
            "via": self.via,
            "token_id": self.token_id,
        }
        return {name: value for name, value in said.items() if value}

    def told(self, *, is_admin: bool) -> Caller:
        """What it is told of itself."""
        return Caller(
            kind=str(self.kind),
            subject=self.subject or None,
            issuer=self.issuer,
            name=self.name,
            groups=sorted(self.groups),
            org=self.org,
            permissions=sorted(self.permissions),
            via=self.via,
            token_id=self.token_id,
            expires_at=None if self.expires_at is None else format_time(self.expires_at),
            is_admin=is_admin,
        )


OPERATOR = Principal(Kind.OPERATOR, via="root")
ANONYMOUS = Principal(Kind.ANONYMOUS)


def covers(on: tuple[ModelPattern, ...], model: tuple[str, str] | None) -> bool:
    """Whether one of the patterns means the model; the registry itself (None) is meant by all models only."""
    if model is None:
        return any(pattern.is_everything for pattern in on)
    return any(pattern.matches(*model) for pattern in on)


def alias_is_left(aliases: tuple[str, ...] | None, action: Action, alias: str | None) -> bool:
    """Whether what names only such aliases leaves the action: of promotes those of one of them, and no archiving.

    No admin either, who could widen it.
    """
    if aliases is None or action not in (Action.PROMOTE, Action.ADMIN):
        return True
    return action == Action.PROMOTE and alias is not None and any_matches(aliases, alias)

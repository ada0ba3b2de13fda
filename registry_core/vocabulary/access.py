"""The verbs of access that the library, the HTTP service and the client have alike, and what they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol

from .answers import Value
from .verbs import Actor, ModelName, Reason, Task

TokenId = Annotated[str, "The token's public id."]
Then = Annotated[str | datetime | None, "By the rules of this moment (RFC 3339)."]
ExpectedSeq = Annotated[int | None, "Only if this event set what holds; 0: only if none did."]
Named = Annotated[str, "Who, as a rule names them: anonymous, authenticated, user:X, group:X, token:X ..."]


@dataclass(frozen=True)
class Caller(Value):
    """Who calls, as far as it was verified; what does not apply is None."""

    kind: Annotated[str, "operator, anonymous, user, client (a program of an issuer) or service (of a token's name)."]
    subject: Annotated[str | None, "The issuer's own name for it."]
    issuer: str | None
    name: Annotated[str | None, "A verified e-mail address, or the name of a service token."]
    groups: list[str]
    org: str | None
    permissions: list[str]
    via: Annotated[str | None, "The way in."]
    token_id: Annotated[str | None, "Which token of the registry came."]
    expires_at: Annotated[str | None, "From then on the caller is nobody."]
    is_admin: Annotated[bool, "An admin of the registry itself."]


@dataclass(frozen=True)
class AccessRules(Value):
    """The access document that holds, and the event that set it: None and 0 where none was ever set."""

    document: dict[str, Any] | None
    seq: int


@dataclass(frozen=True)
class Change(Value):
    """``seq``: the event that records it. ``digest``: of the access document."""

    seq: int
    digest: str


@dataclass(frozen=True)
class Trial(Value):
    """What the rules give somebody."""

    allowed: bool
    rules: Annotated[list[int], "The numbers of the rules that give it, from 0."]
    is_admin: Annotated[bool, "The list of admins gives it."]
    is_blocked: bool


@dataclass(frozen=True)
class TokenFacts(Value):
    """A token that counts; of none what it says. ``role``, ``on``, ``aliases``: what it is narrowed to."""

    id: str
    kind: str
    name: str
    owner: Annotated[str | None, "Whose a personal one is."]
    created_at: str
    expires_at: str
    role: str | None
    on: list[str] | None
    aliases: list[str] | None


@dataclass(frozen=True)
class MadeToken(TokenFacts):
    """A new token. ``token`` is shown this once, and is kept nowhere."""

    seq: int
    token: str = field(repr=False)


@dataclass(frozen=True)
class Revocation(Value):
    """``seq``: the event by which the token counts no longer."""

    id: str
    seq: int


@dataclass(frozen=True)
class ModelOwner(Value):
    """Whose a model is. ``status``: owned or unowned. ``seq``: the event that says so."""

    task: str
    model_name: str
    organization_id: str | None
    status: str
    seq: int | None


@dataclass(frozen=True)
class ResolvedOwner(ModelOwner):
    """Whose a model of older software is. ``already_resolved``: it was so before."""

    already_resolved: bool


class VerbsOfAccess(Protocol):
    """What ``ModelRegistry`` and ``RegistryClient`` have in common about access."""

    def whoami(self) -> Caller:
        """Who calls. Raises ``PermissionDenied`` where nobody knows, or whose rights have ended."""
        ...

    def access_rules(self, *, as_of: Then = None) -> AccessRules:
        """The access document that holds, or held at a moment, for an admin.

        Raises ``AccessUnreadable``, ``InvalidParameter``.
        """
        ...

    def set_access_rules(
        self,
        document: Annotated[bytes | Mapping[str, Any], "The access document, best as it is written."],
        *,
        expected_seq: ExpectedSeq = None,
        actor: Actor = None,
        reason: Reason = None,
    ) -> Change:
        """The document's rules hold from now on, here at once and elsewhere within five seconds; by one event.

        What it takes the place of need not be readable for the operator. Raises ``InvalidParameter``, also where
        whoever calls would be no admin any more, ``AccessMoved``, ``StorageError``.
        """
        ...

    def try_access_rules(
        self,
        who: Named,
        action: Annotated[str, "read, use, write, promote, delete or admin."],
        task: Task,
        model_name: ModelName,
        alias: Annotated[str | None, "The alias of a promote; without one it is to archive."] = None,
        *,
        as_of: Then = None,
    ) -> Trial:
        """What the rules that hold, or held at a moment, give somebody of whom only this is known, as a rule would name
        him: no event says of which groups somebody was.

        Raises ``InvalidParameter``, ``AccessUnreadable``.
        """
        ...

    def create_token(
        self,
        kind: Annotated[str, "service, or personal: of whoever calls."],
        name: Annotated[str, "What it is called; rules mean a service's by it."],
        *,
        role: Annotated[str | None, "At most what this role may do."] = None,
        on: Annotated[Sequence[str] | None, "Only these models, as TASK/MODEL_NAME; * stands for anything."] = None,
        aliases: Annotated[Sequence[str] | None, "Of aliases it may move only these; * stands for anything."] = None,
        days: Annotated[float, "How long it counts."] = 90,
        actor: Actor = None,
        reason: Reason = None,
    ) -> MadeToken:
        """A token that counts from now on; its text is shown this once.

        A ``service`` token is made by an admin; a ``personal`` one by a person who has signed in, never by a token.
        Raises ``InvalidName``, ``InvalidParameter``, ``NameTaken``, ``StorageError``.
        """
        ...

    def list_tokens(self) -> list[TokenFacts]:
        """The tokens that count, the oldest first: for an admin all, for others their own.

        Raises ``AccessUnreadable``.
        """
        ...

    def revoke_token(self, token_id: TokenId, *, actor: Actor = None, reason: Reason = None) -> Revocation:
        """The token counts no longer. One may revoke the tokens that one is shown.

        Raises ``TokenNotFound``, ``StorageError``.
        """
        ...

    def resolve_ownership(
        self, task: Task, model_name: ModelName, *, actor: Actor = None, reason: Reason = None
    ) -> ResolvedOwner:
        """A model that older software left as ``legacy_unowned`` is the caller's organization's, by one event.

        For an admin of the model, and for whoever the platform gives ``model.resolve_ownership`` where no access
        document was set, who is told of all other models alike. Raises ``ModelNotFound``, ``InvalidParameter``,
        ``StorageError``.
        """
        ...

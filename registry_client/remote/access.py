"""The verbs of access over HTTP: who calls, the rules that hold, tokens, and whose a model is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry_core import Change, Revocation, TokenNotFound, VerbsOfAccess

from ..forms import is_token
from .answers import read
from .bodies import object_of
from .calls import call
from .connection import Connected
from .transport import JSON_TYPE, Repeat, as_json


class Access(Connected):
    """What changes something is sent again only where the registry says that nothing was changed."""

    whoami = call(VerbsOfAccess.whoami, "GET", "/v1/auth/me")
    access_rules = call(VerbsOfAccess.access_rules, "GET", "/v1/access")
    try_access_rules = call(VerbsOfAccess.try_access_rules, "GET", "/v1/access/try")
    create_token = call(VerbsOfAccess.create_token, "POST", "/v1/tokens")
    resolve_ownership = call(VerbsOfAccess.resolve_ownership, "POST", "/v1/ownership/resolve")
    list_tokens = call(VerbsOfAccess.list_tokens, "GET", "/v1/tokens", within="tokens")

    def set_access_rules(
        self,
        document: bytes | Mapping[str, Any],
        *,
        expected_seq: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Change:
        """As ``ModelRegistry.set_access_rules``; bytes are sent as they are."""
        answer = self._transport.call(
            "PUT",
            "/v1/access",
            query={"expected_seq": expected_seq, "actor": actor, "reason": reason},
            content=document if isinstance(document, bytes) else as_json(dict(document)),
            headers={"Content-Type": JSON_TYPE},
            repeat=Repeat.IF_UNDONE,
        )
        return read(Change, object_of(answer))

    def revoke_token(self, token_id: str, *, actor: str | None = None, reason: str | None = None) -> Revocation:
        """As ``ModelRegistry.revoke_token``."""
        if not is_token(token_id):
            raise TokenNotFound("No token that counts has this id.", token_id=token_id)
        answer = self._transport.call(
            "DELETE", f"/v1/tokens/{token_id}", query={"actor": actor, "reason": reason}, repeat=Repeat.IF_UNDONE
        )
        return read(Revocation, object_of(answer))


if TYPE_CHECKING:
    _: type[VerbsOfAccess] = Access

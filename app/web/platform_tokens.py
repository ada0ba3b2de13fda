"""Tokens of the platform's auth service: those for access only, and people's as long as it says that they count."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from registry_core import Bounded, IdentityUnavailable, Kind, Principal

from ..config import PLATFORM_AUDIENCE, PLATFORM_ISSUER
from .fetching import Unreachable, fetch_json
from .issuers import VIA, Issuer, name_in, names_in
from .keys import KeySet
from .refusals import token_refused

log = logging.getLogger(__name__)

KEPT_S = 30.0  # so long its word that a token does not count is believed
SPARED_S = 2.0  # so long nobody asks again where it did not answer
MOST_KEPT = 10_000
_PROGRAM = "client:"


class PlatformTokens(Issuer):
    """The tokens of the service at ``iam_url``."""

    def __init__(self, iam_url: str, secret: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        keys = KeySet(PLATFORM_ISSUER, f"{iam_url}/.well-known/jwks.json", clock)
        super().__init__(PLATFORM_ISSUER, PLATFORM_AUDIENCE, keys, secret, principal_of)
        self._url = f"{iam_url}/auth/validate"
        self._clock = clock
        self._refused: Bounded[bytes, float] = Bounded(MOST_KEPT)  # by the digest of the token; asked when
        self._silent_since: float | None = None

    def claims(self, text: str) -> dict[str, Any]:
        """As of any issuer; and a person's token was not revoked 30 s ago, which the service is asked."""
        said = super().claims(text)
        if said.get("type") != "access":  # those for refreshing, for a second factor and for links are signed too
            raise token_refused()
        if said.get("sub") is not None and not self._still_counts(text, said["sub"]):
            raise token_refused()
        return said

    def _still_counts(self, text: str, subject: object) -> bool:
        digest, now = hashlib.sha256(text.encode()).digest(), self._clock()
        refused_at = self._refused.get(digest)
        if refused_at is not None and now - refused_at < KEPT_S:
            return False
        if self._silent_since is not None and now - self._silent_since < SPARED_S:
            raise _unavailable()
        try:
            answer = fetch_json(self._url, {"token": text})
        except Unreachable as error:
            self._silent_since = self._clock()
            log.warning("nobody with a token of the platform is let in: %s", error)
            raise _unavailable() from None
        self._silent_since = None
        counts = answer.get("valid") is True and str(answer.get("user_id", subject)) == str(subject)
        if not counts:  # where it does, whoever asked keeps that (see IssuedTokens)
            self._refused.put(digest, now)
        return counts


def _unavailable() -> IdentityUnavailable:
    return IdentityUnavailable(
        "The platform's auth service does not say whether the token still counts, so it does not. Try again.",
        retry_after_s=int(SPARED_S),
    )


def principal_of(claims: Mapping[str, Any], expires_at: datetime) -> Principal:
    """Whom the claims mean: a person by ``sub``, a program by ``client_id``, each with what the platform gives it."""
    org = claims.get("org_id")
    if org is not None and (isinstance(org, bool) or not isinstance(org, int | str)):
        raise ValueError("no organization")
    is_program = claims.get("sub") is None
    subject = _PROGRAM + name_in(claims["client_id"]) if is_program else name_in(claims["sub"])
    if not is_program and subject.startswith(_PROGRAM):
        raise ValueError("a person who is called like a program")
    email = claims.get("email")
    return Principal(
        Kind.CLIENT if is_program else Kind.USER,
        subject=subject,
        issuer=PLATFORM_ISSUER,
        name=name_in(email) if email is not None and claims.get("email_verified") is True else None,
        org=None if org is None else name_in(str(org)),
        permissions=names_in(claims.get("scopes" if is_program else "permissions")),
        via=VIA,
        expires_at=expires_at,
    )

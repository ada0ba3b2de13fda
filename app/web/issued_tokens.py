"""JSON web tokens of all the issuers that settings name."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import jwt

from registry_core import Bounded, Principal

from ..config import IdentitySettings
from .issuers import FAULTS, Issuer, end_of, principal_of
from .keys import KeySet
from .platform_tokens import PlatformTokens
from .refusals import token_refused

if TYPE_CHECKING:
    from .code_flow import CodeFlow

MOST_CHARACTERS = 16 * 1024
KEPT_S = 30.0  # so long a token that was verified is not verified again
MOST_KEPT = 10_000


class IssuedTokens:
    """Tokens of all the issuers that settings name. Thread-safe.

    Whom a token means is kept for half a minute from the moment on at which it was asked, and never beyond its end.
    Nothing below keeps that such a token counts: else one more half minute would come to it.
    """

    def __init__(self, issuers: list[Issuer], clock: Callable[[], float] = time.monotonic) -> None:
        self._issuers = {issuer.name: issuer for issuer in issuers if not issuer.is_nameless}
        self._nameless = next((issuer for issuer in issuers if issuer.is_nameless), None)
        self._clock = clock
        self._known: Bounded[bytes, tuple[Principal, float]] = Bounded(MOST_KEPT)  # by its digest; asked when

    @classmethod
    def of(cls, settings: IdentitySettings) -> IssuedTokens:
        """The tokens that count by the settings."""
        issuers: list[Issuer] = []
        main, is_nameless = settings.main_issuer, settings.oidc_issuer is None
        if main is not None and settings.oidc_audience is not None:
            secret = None if settings.iam_url is not None else settings.jwt_secret
            keys = KeySet(main, settings.jwks_url)
            issuers.append(Issuer(main, settings.oidc_audience, keys, secret, principal_of(main), is_nameless))
        for one in settings.more_issuers:
            keys = KeySet(one.issuer, one.jwks_url)
            issuers.append(Issuer(one.issuer, one.audience, keys, None, principal_of(one.issuer)))
        if settings.iam_url is not None:
            issuers.append(PlatformTokens(settings.iam_url, settings.jwt_secret))
        return cls(issuers)

    def principal(self, text: str) -> Principal:
        """Who calls with the token. Raises ``InvalidToken``, ``IdentityUnavailable``."""
        if len(text) > MOST_CHARACTERS:
            raise token_refused()
        digest, now = hashlib.sha256(text.encode()).digest(), self._clock()
        known, asked_at = self._known.get(digest) or (None, 0.0)
        if known is not None and now - asked_at < KEPT_S and not known.is_expired(datetime.now(UTC)):
            return known
        found = self._verified(text)
        self._known.put(digest, (found, now))
        return found

    def _verified(self, text: str) -> Principal:
        try:
            claimed = jwt.decode(text, options={"verify_signature": False}).get("iss")
        except FAULTS:
            raise token_refused() from None
        if not isinstance(claimed, str | None):
            raise token_refused()
        issuer = self._issuers.get(claimed or "") or self._nameless
        if issuer is None:
            raise token_refused()
        claims = issuer.claims(text)
        try:
            return issuer.principal_of(claims, end_of(claims))
        except FAULTS:
            raise token_refused() from None

    def of_issuer(self, name: str) -> Issuer:
        return self._issuers[name]


def code_flow(settings: IdentitySettings, issued: IssuedTokens) -> CodeFlow | None:
    """Where browsers sign in, if the settings say so; its tokens are verified by the same keys as all others."""
    if settings.oidc_client_id is None or settings.oidc_issuer is None:
        return None
    from .code_flow import CodeFlow  # only where it is wanted

    issuer = issued.of_issuer(settings.oidc_issuer)
    return CodeFlow(issuer, settings.oidc_client_id, settings.oidc_client_secret, settings.oidc_scopes)

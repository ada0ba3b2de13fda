"""JSON web tokens of all the issuers that settings name."""

from __future__ import annotations

import jwt

from registry_core import Principal

from ..config import IdentitySettings
from .issuers import FAULTS, Issuer, end_of, principal_of, refused
from .keys import KeySet
from .platform_tokens import PlatformTokens

MOST_CHARACTERS = 16 * 1024


class IssuedTokens:
    """Tokens of all the issuers that settings name."""

    def __init__(self, issuers: list[Issuer]) -> None:
        self._issuers = {issuer.name: issuer for issuer in issuers}

    @classmethod
    def of(cls, settings: IdentitySettings) -> IssuedTokens:
        """The tokens that count by the settings."""
        issuers: list[Issuer] = []
        if settings.oidc_issuer is not None and settings.oidc_audience is not None:
            keys = KeySet(settings.oidc_issuer, settings.jwks_url)
            secret = None if settings.iam_url is not None else settings.jwt_secret
            issuers.append(
                Issuer(settings.oidc_issuer, settings.oidc_audience, keys, secret, principal_of(settings.oidc_issuer))
            )
        if settings.iam_url is not None:
            issuers.append(PlatformTokens(settings.iam_url, settings.jwt_secret))
        return cls(issuers)

    def principal(self, text: str) -> Principal:
        """Who calls with the token. Raises ``InvalidToken``, ``IdentityUnavailable``."""
        if len(text) > MOST_CHARACTERS:
            raise refused()
        try:
            claimed = jwt.decode(text, options={"verify_signature": False}).get("iss")
        except FAULTS:
            raise refused() from None
        issuer = self._issuers.get(claimed) if isinstance(claimed, str) else None
        if issuer is None:
            raise refused()
        claims = issuer.claims(text)
        try:
            return issuer.principal_of(claims, end_of(claims))
        except FAULTS:
            raise refused() from None

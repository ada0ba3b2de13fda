"""JSON web tokens of one issuer: verified whole before anything in them counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from registry_core import Kind, Principal

from .keys import ALGORITHMS, KeySet
from .refusals import token_refused

SHARED = "HS256"
SKEW_S = 60
_EPOCH = datetime.fromtimestamp(0, UTC)
VIA = "jwt"
MOST_NAME, MOST_NAMES = 255, 1000  # characters of one, and how many of them a token may say
FAULTS = (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, RecursionError)


@dataclass
class Issuer:
    """One whose tokens count. Its own keys and secret verify them, and nobody else's.

    Where it ``is_nameless``, only the address of its keys is known: they say whose a token is, whatever ``iss`` says.
    """

    name: str
    audience: str
    keys: KeySet | None
    secret: str | None
    principal_of: Callable[[Mapping[str, Any], datetime], Principal]
    is_nameless: bool = False

    def claims(self, text: str) -> dict[str, Any]:
        """What the token says, proven. Raises ``InvalidToken``, ``IdentityUnavailable``."""
        try:
            header = jwt.get_unverified_header(text)
            algorithm, kid = str(header.get("alg")), header.get("kid")
            key: jwt.PyJWK | str | None = None
            if algorithm == SHARED:
                key = self.secret
            elif algorithm in ALGORITHMS and self.keys is not None and isinstance(kid, str | None):
                key = self.keys.key(kid, algorithm)
            if key is None:
                raise token_refused()
            said: dict[str, Any] = jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                audience=self.audience,
                issuer=None if self.is_nameless else self.name,
                leeway=SKEW_S,
                options={"require": ["exp", "aud", *([] if self.is_nameless else ["iss"])]},
            )
        except FAULTS:
            raise token_refused() from None
        return said


def end_of(claims: Mapping[str, Any]) -> datetime:
    """When the token ends, by clocks that may differ."""
    return _EPOCH + timedelta(seconds=int(claims["exp"]) + SKEW_S)


def principal_of(issuer: str) -> Callable[[Mapping[str, Any], datetime], Principal]:
    """Whom the claims of an OpenID issuer mean. A program calls for itself where it is its own subject."""

    def made(claims: Mapping[str, Any], expires_at: datetime) -> Principal:
        subject = name_in(claims["sub"])
        email = claims.get("email")
        is_program = subject in (claims.get("azp"), claims.get("client_id"))
        return Principal(
            Kind.CLIENT if is_program else Kind.USER,
            subject=subject,
            issuer=issuer,
            name=name_in(email) if email is not None and claims.get("email_verified") is True else None,
            groups=names_in(claims.get("groups")),
            via=VIA,
            expires_at=expires_at,
        )

    return made


def name_in(value: object) -> str:
    """The value, if it is a name that can be written in a rule and in a line of a log. Raises ``ValueError``."""
    if not isinstance(value, str) or not value or len(value) > MOST_NAME or not value.isprintable():
        raise ValueError("no name")
    return value


def names_in(value: object) -> frozenset[str]:
    """The names in a list, none where there is no list; a token that says anything else in one is refused."""
    if value is None:
        return frozenset()
    if not isinstance(value, list) or len(value) > MOST_NAMES:
        raise ValueError("no names")
    return frozenset(name_in(one) for one in value)

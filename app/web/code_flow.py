"""The code flow with PKCE at an OpenID provider: where a browser is sent, and who it is that comes back."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus, urlencode

from authlib.oauth2 import ClientAuth, OAuth2Error
from authlib.oauth2.client import OAuth2Client

from registry_core import IdentityUnavailable, InvalidToken, Principal

from .fetching import Unreachable, ask, discovery, json_object
from .issuers import FAULTS, Issuer, end_of
from .refusals import Refused

log = logging.getLogger(__name__)

KEPT_S = 300.0  # of what the provider says of itself
SPARED_S = 5.0  # so long nobody asks again where it did not answer
SECRET_POST, SECRET_BASIC = "client_secret_post", "client_secret_basic"


@dataclass(frozen=True)
class Begun:
    """A sign-in that a browser has begun: all that finishes it is made of a secret that this browser alone has."""

    secret: str

    @property
    def state(self) -> str:
        return self._made("state")

    @property
    def nonce(self) -> str:
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        return self._made("verifier")

    def _made(self, what: str) -> str:
        return hashlib.sha256(f"{what} {self.secret}".encode()).hexdigest()


class CodeFlow:
    """The flow of one client at one issuer, whose tokens ``issuer`` verifies. Thread-safe."""

    def __init__(
        self,
        issuer: Issuer,
        client_id: str,
        client_secret: str | None,
        scopes: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = replace(issuer, audience=client_id, secret=None)
        self._client_id, self._client_secret, self._scopes = client_id, client_secret, scopes
        self._clock = clock
        self._mutex = threading.Lock()
        self._said: Mapping[str, Any] | None = None
        self._asked_at = 0.0

    def address(self, begun: Begun, redirect_uri: str) -> str:
        """Where the browser is sent. Raises ``IdentityUnavailable``."""
        client = self._client(redirect_uri)
        where, _ = client.create_authorization_url(
            self._provider()["authorization_endpoint"],
            state=begun.state,
            nonce=begun.nonce,
            code_verifier=begun.verifier,
        )
        return str(where)

    def principal(self, begun: Begun, returned: Mapping[str, str], redirect_uri: str) -> Principal:
        """Who has signed in, by what the browser came back with. Raises ``Refused``, ``IdentityUnavailable``."""
        provider = self._provider()
        if not hmac.compare_digest(returned.get("state", "").encode(), begun.state.encode()):
            raise failed("it was begun in another browser, or another one was begun since")
        says_who = bool(provider.get("authorization_response_iss_parameter_supported"))
        if returned.get("iss", None if says_who else self._issuer.name) != self._issuer.name:
            raise failed("the answer is another provider's")
        if "error" in returned:
            raise failed(f"the provider refused it ({returned['error'][:100]!r})")
        if not returned.get("code"):
            raise failed("the provider sent no code")
        token = self._exchange(provider, begun, returned["code"], redirect_uri)
        try:
            claims = self._issuer.claims(token)
            is_ours = hmac.compare_digest(str(claims.get("nonce")).encode(), begun.nonce.encode())
            many = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
            if not is_ours or claims.get("azp", None if many else self._client_id) != self._client_id:
                raise ValueError("an answer to somebody else")
            return replace(self._issuer.principal_of(claims, end_of(claims)), expires_at=None)
        except (InvalidToken, *FAULTS):
            raise failed("what the provider says of who it is does not count") from None

    def _exchange(self, provider: Mapping[str, Any], begun: Begun, code: str, redirect_uri: str) -> str:
        try:
            said = self._client(redirect_uri).fetch_token(
                provider["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=begun.verifier,
                auth=self._auth(provider.get("token_endpoint_auth_methods_supported")),
                headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
            )
        except Unreachable as error:
            log.warning("nobody can sign in at %s: %s", self._issuer.name, error)
            raise _unavailable() from None
        except (OAuth2Error, ValueError, TypeError) as error:  # a wrong secret is an operator's to mend
            said_so = error.error if isinstance(error, OAuth2Error) else type(error).__name__
            log.warning("%s takes no code of this service: %.100s", self._issuer.name, said_so)
            raise failed("the provider does not take the code, or no more") from None
        token = said.get("id_token")
        if not isinstance(token, str):
            raise failed("the provider does not say who it is")
        return token

    def _auth(self, supported: object) -> ClientAuth | None:
        """How the client proves itself, if it has a secret; as RFC 6749 writes both, which Authlib does not."""
        name, secret = self._client_id, self._client_secret
        if secret is None:
            return None
        if isinstance(supported, list) and SECRET_BASIC not in supported:
            return ClientAuth(name, secret, SECRET_POST)
        return ClientAuth(quote_plus(name), quote_plus(secret), SECRET_BASIC)

    def _client(self, redirect_uri: str) -> OAuth2Client:
        return OAuth2Client(
            _Within(),
            self._client_id,
            scope=self._scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _provider(self) -> Mapping[str, Any]:
        """What it says of itself. Raises ``IdentityUnavailable``."""
        with self._mutex:
            age_s = self._clock() - self._asked_at
            if self._said is not None and age_s < KEPT_S:
                return self._said
            if self._said is None and self._asked_at and age_s < SPARED_S:
                raise _unavailable()
            try:
                self._said = discovery(self._issuer.name, "authorization_endpoint", "token_endpoint")
            except Unreachable as error:
                self._said = None
                log.warning("nobody can sign in at %s: %s", self._issuer.name, error)
                raise _unavailable() from None
            finally:
                self._asked_at = self._clock()  # now: those who waited meanwhile do not ask one after the other
            return self._said


class _Within:
    """What Authlib sends by: each question within the bounds of time and size of all questions to issuers."""

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> _Answer:
        url, sent, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return _Answer(url, *ask(url, body.encode(), sent))


@dataclass(frozen=True)
class _Answer:
    url: str
    status_code: int
    data: bytes

    def json(self) -> dict[str, Any]:
        return json_object(self.url, self.data)

    def raise_for_status(self) -> None:
        raise Unreachable(f"{self.url} answers with status {self.status_code}")


def failed(why: str) -> Refused:
    return Refused("sign_in_failed", f"Nobody was signed in: {why}. Sign in again.")


def _unavailable() -> IdentityUnavailable:
    return IdentityUnavailable(
        "The provider where you sign in does not answer at the moment. Try again.", retry_after_s=int(SPARED_S)
    )

"""Who is calling: the one place that reads credentials, before a body is parsed; it neither logs nor keeps them.

Only what goes on for long has them until it is done, to ask again whether they count.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, Response, after_this_request, current_app, g, request

from registry_core import (
    ANONYMOUS,
    InvalidToken,
    ModelRegistry,
    NotConfigured,
    PermissionDenied,
    Principal,
    RegistryError,
    Unauthenticated,
)

from ..config import IdentitySettings
from . import refusals, sessions
from .errors import from_core

if TYPE_CHECKING:
    from .code_flow import CodeFlow

log = logging.getLogger(__name__)

OURS = "omr_"  # how tokens of the registry begin
_VARIES = "Authorization, Cookie"
_REALM = 'realm="model registry"'


class Identity:
    """Tells callers apart by the registry's tokens and those of the issuers that settings name. Thread-safe."""

    def __init__(self, settings: IdentitySettings) -> None:
        self._issued: Callable[[str], Principal] | None = None
        self.code_flow: CodeFlow | None = None  # where browsers sign in
        if settings.has_issuers:
            try:
                from .issued_tokens import IssuedTokens, code_flow  # only where it is wanted
            except ImportError as error:
                raise NotConfigured(
                    "Tokens of an issuer need PyJWT, cryptography and Authlib: "
                    "install the extra 'identity', as with pip install '.[identity]'.",
                    reason="bad_setting",
                ) from error
            issued = IssuedTokens.of(settings)
            self._issued, self.code_flow = issued.principal, code_flow(settings, issued)

    def caller(self, sent: str | None, registry: ModelRegistry) -> Principal:
        """Who calls with the token that came, or where none did with a cookie. Raises as :meth:`principal`."""
        return sessions.caller(registry, self.principal) if sent is None else self.principal(sent, registry)

    def principal(self, text: str, registry: ModelRegistry) -> Principal:
        """Who calls with the token. Raises ``InvalidToken``, ``IdentityUnavailable``, ``AccessUnreadable``."""
        if text.startswith(OURS):
            found = registry.admitted(text)
            if found is None:
                raise refusals.token_refused()
            return found
        if self._issued is None:
            raise refusals.token_refused()
        return self._issued(text)


def init_app(app: Flask, identity: Identity) -> None:
    app.extensions["identity"] = identity
    refusals.init_app(app)
    app.register_error_handler(PermissionDenied, _deny)
    app.register_error_handler(Unauthenticated, _ask)
    app.register_error_handler(InvalidToken, _ask)


def view_of(registry: ModelRegistry) -> ModelRegistry:
    """The registry as the caller of the running request has it. Raises as :meth:`Identity.principal`."""
    view: ModelRegistry | None = g.get("registry_view")
    if view is None:
        identity: Identity = current_app.extensions["identity"]
        sent = _credentials()
        g.principal = principal = identity.caller(sent, registry)
        if principal.token_id is None:  # else it was asked whether the token counts, and that is by the rules
            registry.admitted("")  # whether rules can be told at all is answered before what they say
        # What goes on for long asks again; of a token of the registry the rules say whether it counts.
        still: Callable[[], object] | None = None
        if sent is None and principal is not ANONYMOUS:
            still = sessions.still(registry, identity.principal)
        elif sent is not None and principal.token_id is None:
            still = partial(identity.principal, sent, registry)
        g.registry_view = view = registry.as_(principal, still=still)
        after_this_request(keep_private)
    return view


def require_somebody() -> None:
    """The caller of the running request has said who he is. Raises ``Unauthenticated``."""
    if g.principal is ANONYMOUS:
        raise _unknown()


def _credentials() -> str | None:
    """The token that came, None if none did. Raises ``InvalidToken`` where what came cannot be one."""
    sent: str | None = request.environ.get("HTTP_AUTHORIZATION")  # several come with a comma between: no token
    if sent is None:
        return None
    scheme, _, rest = sent.partition(" ")
    text = rest.strip()
    if not text:
        raise refusals.token_refused()
    if scheme.lower() == "basic":
        try:
            _, _, text = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise refusals.token_refused() from None
    elif scheme.lower() != "bearer":
        raise refusals.token_refused()
    if not text.isascii() or not text.isprintable():
        raise refusals.token_refused()
    return text


def _unknown() -> Unauthenticated:
    return Unauthenticated("This registry is for those who say who they are. Send a token.")


def _deny(error: PermissionDenied) -> Response:
    """Whoever has not said who he is is asked for that first; of all others a line of the log tells."""
    principal: Principal = g.get("principal", ANONYMOUS)
    if "principal" in g and principal is ANONYMOUS:
        return _ask(_unknown())
    log.warning(
        "denied",
        extra={**{f"principal_{name}": said for name, said in principal.recorded().items()}, **error.detail},
    )
    return from_core(error)


def _ask(error: RegistryError) -> Response:
    answer = from_core(error)
    is_page = "text/html" in request.headers.get("Accept", "") or any(
        name.lower().startswith("sec-fetch-") for name, _ in request.headers
    )
    fault = ', error="invalid_token"' if isinstance(error, InvalidToken) else ""
    answer.headers.add("WWW-Authenticate", f"Bearer {_REALM}{fault}")
    if not is_page:  # or a browser would ask a person for a password
        answer.headers.add("WWW-Authenticate", f"Basic {_REALM}")
    return answer


def keep_private(response: Response) -> Response:
    """No cache gives to one what another was given; what is nobody's to keep stays so."""
    headers = response.headers
    said = {name.lower(): value for name, value in headers}
    kept, varies = said.get("cache-control"), said.get("vary")
    if kept is None:  # as app/web/protecting.py has it for JSON
        headers.add("Cache-Control", "no-store" if response.is_json else "private, no-cache")
    elif "no-store" not in kept and "private" not in kept:
        headers["Cache-Control"] = f"private, {kept}"
    if varies is None:
        headers.add("Vary", _VARIES)
    else:
        headers["Vary"] = f"{varies}, {_VARIES}"
    return response

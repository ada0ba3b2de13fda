"""The cookie of a session: when it counts, and what must come with it before anything is changed.

A browser sends a cookie with whatever a page makes it send. So a change counts only from a page of ours, which alone
knows the form token; and a cookie counts only where nobody on the way can have read it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from flask import Response, after_this_request, request
from werkzeug.datastructures import MultiDict

from registry_core import ANONYMOUS, InvalidToken, ModelRegistry, Principal

from ..config import PREFIX
from .parsing import current_budget
from .peer import comes_from_here
from .refusals import Refused

Asked = Callable[[str, ModelRegistry], Principal]

HEADER, FIELD = "X-Form-Token", "form_token"
SESSION, FLOW = "registry_session", "registry_sign_in"
_READS = {"GET", "HEAD", "OPTIONS"}
_FORM = "application/x-www-form-urlencoded"
_LOCAL = {"localhost", "localhost."}


def caller(registry: ModelRegistry, principal: Asked) -> Principal:
    """Who has signed in with the browser that calls, or nobody in particular.

    ``principal``: who calls with a token; a session of one is as good as that is now. Raises as it does,
    ``InvalidToken`` where the session has ended, and ``Refused`` for a change that no page of ours asks for.
    """
    is_change = request.method not in _READS
    session_id = sent(SESSION) if is_private() and not (is_change and is_from_elsewhere()) else None
    if session_id is None:
        return ANONYMOUS
    found = _now(registry, session_id, principal)
    if is_change:
        require_form_token(session_id)
    token = form_token(session_id)

    def say(response: Response) -> Response:
        response.headers[HEADER] = token
        return response

    after_this_request(say)
    return found


def still(registry: ModelRegistry, principal: Asked) -> Callable[[], object]:
    """For later: raises ``InvalidToken`` where the session that the caller came with has ended since."""
    return partial(_now, registry, sent(SESSION) or "", principal)


def _now(registry: ModelRegistry, session_id: str, principal: Asked) -> Principal:
    found, kept = registry.sessions.signed_in(session_id, datetime.now(UTC))
    if found is None:
        raise ended()
    if kept is None:
        return found
    from .seals import unsealed  # only where an issuer is configured

    text = unsealed(kept, session_id)
    if text is None:
        raise ended()
    return replace(principal(text, registry), via=found.via, expires_at=found.expires_at)


def ended() -> InvalidToken:
    return InvalidToken("The session has ended. Sign in again.")


def is_private() -> bool:
    """Whether nobody but this machine can read what passes between the browser and the service."""
    return request.is_secure or (_is_local(request.host) and comes_from_here(request.environ))


def _is_local(host: str) -> bool:
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    try:
        return name.lower() in _LOCAL or ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def require_private() -> None:
    """Raises ``Refused`` with what to do about it."""
    if not is_private():
        raise Refused(
            "tls_required",
            "Nobody signs in over plain http beyond this machine: whoever is on the way could take the session. Use "
            "TLS: an address that begins with https://. If TLS ends at a proxy in front, have that send "
            f"X-Forwarded-Proto, and set {PREFIX}TRUSTED_PROXIES.",
        )


def is_from_elsewhere() -> bool:
    """Whether a page that is not ours asks: of another host, another port, or a scheme that is less safe."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
    ours = f"{request.scheme}://{request.host}".lower()
    return site not in ("same-origin", "none") or (origin is not None and origin.lower() != ours)


def form() -> MultiDict[str, str]:
    """The form that came. Raises ``InvalidParameter`` where it has too many fields."""
    current_budget().check_form(request.get_data())
    return request.form


def form_token(session_id: str) -> str:
    """What a page of ours sends with each change; whoever knows it does not know the session."""
    return hashlib.sha256(f"form {session_id}".encode()).hexdigest()


def require_form_token(session_id: str) -> None:
    """Raises ``Refused`` where the change came without it, or with another session's."""
    came = request.headers.get(HEADER)
    if came is None and request.mimetype == _FORM:
        came = form().get(FIELD)
    if came is None or not hmac.compare_digest(came.encode(), form_token(session_id).encode()):
        raise Refused(
            "form_token_missing",
            "A browser that has signed in changes something only with the form token of its session: as the header "
            f"{HEADER}, or as the field {FIELD} of a form. Each answer to it has that header.",
        )


# the cookies themselves


def sent(what: str) -> str | None:
    """The value of the cookie, None if none came. Raises ``InvalidToken`` where two came: one is not ours."""
    came = request.cookies.getlist(_name(what))
    if len(came) > 1:
        raise ended()
    return came[0] if came else None


def keep(response: Response, what: str, value: str, life_s: int) -> None:
    """The browser sends the value back to this service alone, for so long, and shows it to no script.

    The return from a provider comes from another site, so the cookie of a sign-in is Lax; that of a session is Strict.
    """
    _set(response, what, value, life_s)


def drop(response: Response, what: str) -> None:
    """The browser has no such cookie any more."""
    _set(response, what, "", 0)


def _set(response: Response, what: str, value: str, life_s: int) -> None:
    set_cookie(response, _name(what), value, life_s, samesite="Strict" if what == SESSION else "Lax")


def set_cookie(response: Response, name: str, value: str, life_s: int, *, samesite: str = "Strict") -> None:
    """The browser sends it back to this service alone, below its path, over TLS where that is; no script reads it."""
    response.set_cookie(
        name,
        value,
        max_age=life_s,
        path=request.script_root or "/",
        secure=request.is_secure,
        httponly=True,
        samesite=samesite,
    )


def _name(what: str) -> str:
    """What begins so a browser takes over TLS only; the first also from this very host only."""
    if not request.is_secure:
        return what
    return f"__Secure-{what}" if request.script_root else f"__Host-{what}"

"""Signing in with a browser, at an OpenID provider or with a pasted token, and signing out."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flask import Response, current_app, request, url_for

from registry_core import InvalidParameter, InvalidToken, Principal, Unauthenticated

from ..config import Settings
from ..web import pages, sessions
from ..web.blueprint import Blueprint
from ..web.gate import may_wait
from ..web.identity import Identity
from ..web.needs import Need
from ..web.parsing import Request
from ..web.refusals import Refused
from ..web.root import current_root
from ..web.schemas import text

if TYPE_CHECKING:
    from ..web.code_flow import Begun, CodeFlow

blueprint = Blueprint("signing_in", __name__, description="Signing in and out with a browser")

BEGUN_S = 600  # so long a sign-in may take
FIRST_PAGE, WITHOUT_PAGES = "/ui/", "/docs"
MOST_CHARACTERS = 1000
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # printable ASCII, no backslash, and no host


class LoginQuery(Request):
    next = text("The page to go on to: a path of this service.", load_default=None)


class CallbackQuery(Request):
    """As RFC 6749 and RFC 9207 have it; a provider may send more."""

    code = text("What the provider gives who has signed in.")
    state = text("Which sign-in it is.")
    iss = text("Which provider it is.")
    error = text("Why nobody has signed in.")


@blueprint.get("/v1/auth/login", needs=Need.OPEN)
@may_wait
@blueprint.arguments(LoginQuery, location="query")
@blueprint.sends("text/html", also=(303,), problems=(403, 422, 503))
def login(query: dict[str, str | None]) -> Response:
    """To the OpenID provider, where one is set, else to a page where a token is pasted; then to `next`."""
    onward = _path_of_ours(query["next"])
    if not current_root().seems_required():
        return _see(onward)
    sessions.require_private()
    flow = _flow()
    if flow is None:
        return _page_to_paste(onward)
    begun = _begun(secrets.token_urlsafe(32))
    answer = _see(flow.address(begun, _redirect_uri()))
    value = f"{begun.secret}.{int(time.time())}.{base64.urlsafe_b64encode(onward.encode()).decode()}"
    sessions.keep(answer, sessions.FLOW, value, BEGUN_S)
    return answer


@blueprint.post("/v1/auth/login", needs=Need.OPEN)
@may_wait
@blueprint.sends("text/html", also=(303,), problems=(400, 401, 403, 413, 422, 503))
def paste() -> Response:
    """Signs in with the `token` of the form that is sent, and goes on to `next`."""
    form = sessions.form()
    onward = _path_of_ours(form.get("next"))
    root = current_root()
    if not root.seems_required():
        return _see(onward)
    sessions.require_private()
    if sessions.is_from_elsewhere():
        raise Refused("sign_in_failed", "Nobody was signed in: the form is of a page that is not this service's.")
    came = form.get("token", "").strip()
    identity: Identity = current_app.extensions["identity"]
    try:
        if not came or not came.isascii() or not came.isprintable():
            raise Unauthenticated("There is no token in the form. Paste one.")
        principal = identity.principal(came, root.registry())
    except (InvalidToken, Unauthenticated) as error:
        if not pages.are_preferred():
            raise
        return _page_to_paste(onward, error.message)
    return _signed_in(principal, _see(onward), came if principal.token_id is None else None)


@blueprint.get("/v1/auth/callback", needs=Need.OPEN)
@may_wait
@blueprint.arguments(CallbackQuery, location="query")
@blueprint.sends("text/html", problems=(400, 403, 422, 503))
def callback(query: dict[str, str]) -> Response:
    """Where the provider sends the browser back to; once for each sign-in, and soon after it was begun."""
    sessions.require_private()
    flow = _flow()
    secret, onward, ends = _finished(sessions.sent(sessions.FLOW))
    if flow is None or secret is None:
        raise Refused(
            "sign_in_failed",
            "Nobody was signed in: this browser has not begun it, or too long ago. Sign in again.",
        )
    begun = _begun(secret)
    principal = flow.principal(begun, query, _redirect_uri())
    if not current_root().registry().sessions.spend(begun.state, ends):
        raise Refused("sign_in_failed", "Nobody was signed in: it was finished before. Sign in again.")
    answer = _signed_in(principal, pages.signed_in(_path_of_ours(onward)))
    sessions.drop(answer, sessions.FLOW)
    return answer


@blueprint.post("/v1/auth/logout", needs=Need.OPEN)
@blueprint.sends("text/html", problems=(400, 401, 403, 413, 503))
def logout() -> Response:
    """The session has ended, wherever its cookie may be; with the form token, as any change."""
    answer = pages.signed_out(url_for("signing_in.login"))
    session_id = sessions.sent(sessions.SESSION)
    if session_id is not None:
        if sessions.is_from_elsewhere():
            raise Refused("form_token_missing", "Only a page of this service ends a session.")
        sessions.require_form_token(session_id)
        current_root().registry().sessions.end(session_id)
        sessions.drop(answer, sessions.SESSION)
    return answer


def _signed_in(principal: Principal, answer: Response, token: str | None = None) -> Response:
    """The answer, with the cookie of a new session; the one that this browser had before has ended.

    ``token``: an issuer's, as which the session is good as long as that is.
    """
    kept = current_root().registry().sessions
    before = sessions.sent(sessions.SESSION)
    now = datetime.now(UTC)
    session_id, ends = kept.begin(principal, now, None if token is None else _sealed(token))
    if before is not None:
        kept.end(before)
    sessions.keep(answer, sessions.SESSION, session_id, int((ends - now).total_seconds()))
    return answer


def _sealed(token: str) -> Callable[[str], str]:
    from ..web.seals import sealed  # only where an issuer is configured

    return partial(sealed, token)


def _page_to_paste(onward: str, refused: str | None = None) -> Response:
    session_id = sessions.sent(sessions.SESSION)
    registry = current_root().registry()
    found = None if session_id is None else registry.sessions.principal(session_id, datetime.now(UTC))
    return pages.paste(
        401 if refused else 200,
        refused=refused,
        login=url_for("signing_in.paste"),
        logout=url_for("signing_in.logout"),
        next=onward,
        signed_in_as=None if found is None else found.name or found.subject,
        form_token=None if session_id is None else sessions.form_token(session_id),
    )


def _flow() -> CodeFlow | None:
    identity: Identity = current_app.extensions["identity"]
    return identity.code_flow


def _begun(secret: str) -> Begun:
    from ..web.code_flow import Begun  # only where it is wanted

    return Begun(secret)


def _finished(cookie: str | None) -> tuple[str | None, str | None, datetime]:
    """(the secret of the sign-in, where to go on, when it ends); None for the first where there is none."""
    secret, _, rest = (cookie or "").partition(".")
    began, _, page = rest.partition(".")
    now = datetime.now(UTC)
    try:
        ends = datetime.fromtimestamp(int(began), UTC) + timedelta(seconds=BEGUN_S)
        onward = base64.b64decode(page, b"-_", validate=True).decode()
    except (ValueError, OverflowError, OSError, binascii.Error):
        return None, None, now
    is_young = now < ends <= now + timedelta(seconds=BEGUN_S + 60)
    return (secret, onward, ends) if secret and is_young else (None, None, now)


def _redirect_uri() -> str:
    return url_for("signing_in.callback", _external=True)


def _path_of_ours(path: str | None) -> str:
    """Where to go on within this service, below whatever path it is. Raises ``InvalidParameter`` for anything else."""
    if not path:
        settings: Settings = current_app.extensions["settings"]
        path = FIRST_PAGE if settings.has_pages else WITHOUT_PAGES
    steps = [unquote(step) for step in re.split(r"[/?#]", path)]
    if len(path) > MOST_CHARACTERS or _PATH.fullmatch(path) is None or "." in steps or ".." in steps:
        raise InvalidParameter(
            "next is a path of this service, such as /docs: no address, and nothing that leads out of it.", field="next"
        )
    below = request.script_root
    return path if not below or path.startswith(f"{below}/") else f"{below}{path}"


def _see(where: str) -> Response:
    return Response(status=303, headers={"Location": where, "Cache-Control": "no-store"}, content_type="text/html")

"""Tokens of the registry: those that one may end, and a new one, whose text is shown this once."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as Redirect

from registry_core import InvalidParameter, MadeToken, RegistryError

from ..web import pages
from ..web.errors import TABLE
from ..web.gate import may_wait
from ..web.needs import Need
from ..web.root import governed_registry
from .blueprint import blueprint, require_changes
from .render import page

DAYS = (7, 30, 90, 365)
DEFAULT_DAYS = 90
ROLES = ("viewer", "user", "publisher", "approver", "maintainer", "admin")


@blueprint.get("/tokens", needs=Need.KNOWN)
def tokens() -> Response:
    """The tokens that count: for an admin all, for others their own."""
    return _page(request.args)


@blueprint.post("/tokens", needs=Need.KNOWN)
@may_wait
def create_token() -> Response:
    """A new token. The answer has its text, so that no address and no cookie ever does."""
    require_changes()
    sent = request.form
    try:
        made = governed_registry().create_token(
            sent.get("kind", "personal"),
            sent.get("name", "").strip(),
            role=sent.get("role") or None,
            on=_words("on"),
            aliases=_words("aliases"),
            days=_days(sent.get("days", "")),
            reason=sent.get("reason", "").strip() or None,
        )
    except RegistryError as error:
        if TABLE[type(error)] not in (409, 422) or not pages.are_preferred():
            raise
        return _page(sent, status=TABLE[type(error)], refused=error.message)
    answer = _page({}, status=201, made=made)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/tokens/<token_id>/revoke", needs=Need.KNOWN)
@may_wait
def revoke_token(token_id: str) -> Redirect:
    """The token counts no longer, and the page says so."""
    require_changes()
    governed_registry().revoke_token(token_id, reason=request.form.get("reason", "").strip() or None)
    return redirect(url_for("pages.tokens", revoked=token_id), 303)


def _page(typed: Any, status: int = 200, made: MadeToken | None = None, refused: str | None = None) -> Response:
    registry = governed_registry()
    return page(
        "tokens.html",
        status=status,
        tokens=registry.list_tokens(),
        caller=registry.whoami(),
        typed=typed,
        days=DAYS,
        default_days=DEFAULT_DAYS,
        roles=ROLES,
        made=made,
        refused=refused,
        json_address=url_for("access.list_tokens"),
        command="omr token list",
    )


def _words(field: str) -> list[str] | None:
    return request.form.get(field, "").replace(",", " ").split() or None


def _days(text: str) -> float:
    if not text:
        return DEFAULT_DAYS
    if not text.isdecimal() or len(text) > 9:
        raise InvalidParameter("days is a whole number.", field="days")
    return int(text)

"""Who does something and why, as a form says it: in open mode the name is believed as written, and kept in a cookie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from flask import Response, redirect, request, url_for

from ..web import sessions
from ..web.root import was_asked_who_calls
from .look import YEAR_S

COOKIE = "registry_who"
MOST_CHARACTERS = 256  # of a name in the journal


@dataclass(frozen=True)
class Words:
    """``who``: None where the registry knows it; ``reason`` as it was typed."""

    who: str | None
    reason: str

    @property
    def said(self) -> dict[str, Any]:
        """As verbs of the registry take them."""
        return {"actor": self.who or None, "reason": self.reason or None}


def known() -> Words:
    """What a form begins with: the name that was typed last in this browser, and a reason where the address has one."""
    who = None if was_asked_who_calls() else unquote(request.cookies.get(COOKIE, ""))[:MOST_CHARACTERS]
    return Words(who, request.args.get("reason", ""))


def typed() -> Words:
    """What the form that came says."""
    return Words(None if was_asked_who_calls() else field("who"), field("reason"))


def field(name: str) -> str:
    """A field of the form that came, without what surrounds it; browsers end lines as mail does."""
    return sessions.form().get(name, "").replace("\r\n", "\n").strip()


def done(endpoint: str, words: Words, /, **place: Any) -> Response:
    """Leads to a page that says what happened; the browser keeps who it was."""
    answer = redirect(url_for(f"pages.{endpoint}", **place), 303)
    assert isinstance(answer, Response)
    if words.who is not None:
        sessions.set_cookie(answer, COOKIE, quote(words.who, safe=""), YEAR_S)
    return answer

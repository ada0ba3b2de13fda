"""What a person has chosen for all pages: light or dark, kept in a cookie that says nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, redirect, request, url_for

from ..web.needs import Need
from ..web.sessions import set_cookie
from .blueprint import blueprint

COOKIE = "registry_theme"
THEMES = ("light", "dark")
YEAR_S = 365 * 24 * 3600


def theme() -> str | None:
    """The theme that was chosen; None: as the system has it."""
    found = request.cookies.get(COOKIE)
    return found if found in THEMES else None


@blueprint.post("/theme", needs=Need.OPEN)
def choose_theme() -> Response:
    """The pages are light, or dark, from now on; and back to the page that asked."""
    chosen = request.form.get("theme")
    answer = redirect(here(request.form.get("next")), 303)
    assert isinstance(answer, Response)
    if chosen in THEMES:
        set_cookie(answer, COOKIE, chosen, YEAR_S)
    else:
        set_cookie(answer, COOKIE, "", 0)
    return answer


def here(came: str | None) -> str:
    """A path below the pages' own, whatever came: so no form leads anywhere else."""
    home = url_for("pages.home")
    try:
        parts = urlsplit(came or "")
    except ValueError:  # such as a host that is half in brackets
        return home
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith(home) and "\\" not in parts.path
    is_plain = is_ours and (came or "").isascii() and (came or "").isprintable() and ".." not in parts.path
    return f"{parts.path}?{parts.query}" if is_plain and parts.query else parts.path if is_plain else home

"""One template becomes one page: what all of them know stands here."""

from __future__ import annotations

import gettext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, render_template, request, url_for

from registry_core import ANONYMOUS, Action, Principal, RegistryError, __version__

from ..web import sessions
from ..web.root import current_registry, current_root
from . import figures, happened, look, previews
from .assets import address
from .blueprint import is_readonly

LOCALES = Path(__file__).with_name("locale")  # empty: English is what stands in the templates


def init_app(app: Flask) -> None:
    """Templates know the filters, their texts' translation, and addresses of assets."""
    environment = app.jinja_env
    environment.add_extension("jinja2.ext.i18n")
    texts = gettext.translation("pages", localedir=LOCALES, fallback=True)
    environment.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(figures.FILTERS, path=path, written_out=previews.written_out)
    environment.globals.update(
        asset=address, ago=lambda text: figures.ago(text, now()), may=may, endpoints=app.view_functions
    )


def page(template: str, *, status: int = 200, **said: Any) -> Response:
    """The page of the template ``ui/<template>``. ``said``: what the template shows.

    ``json_address`` and ``command`` say how a program asks for the same.
    """
    return Response(html(template, **said), status=status, content_type="text/html; charset=utf-8")


def html(template: str, **said: Any) -> str:
    """As :func:`page`, its text; needs no registry, so that it can say that there is none.

    A lone surrogate, which older software's documents may have, is shown as JSON writes it.
    """
    principal: Principal | None = g.get("principal")
    session_id = sessions.sent(sessions.SESSION) if principal is not None else None
    common = {
        "theme": look.theme(),
        "version_of_service": __version__,
        "is_required": current_root().seems_required(),
        "is_readonly": is_readonly(),
        "who": None if principal in (None, ANONYMOUS) else principal.name or principal.subject,
        "form_token": None if session_id is None else sessions.form_token(session_id),
        "here": request.script_root + request.full_path.rstrip("?"),
        "home": url_for("pages.home"),
        "done": happened.asked_for() if "done" in request.args else None,
        "json_address": None,
        "command": None,
    }
    text = render_template(f"ui/{template}", **{**common, **said})
    return text.encode("utf-8", "backslashreplace").decode()


def now() -> datetime:
    """The moment of the request: the same for all ages of a page."""
    found: datetime = g.setdefault("page_began", datetime.now(UTC))
    return found


def may(task: str | None, model_name: str | None, action: str, alias: str | None = None) -> bool:
    """Whether a button is shown: whether the caller may do that, and the pages may do anything at all."""
    if is_readonly() and Action(action) not in (Action.READ, Action.USE):
        return False
    try:
        return current_registry().allows(task, model_name, Action(action), alias)
    except RegistryError:
        return False


def path(text: str) -> str:
    """A file's path in a package, for an address."""
    return quote(text, safe="/")

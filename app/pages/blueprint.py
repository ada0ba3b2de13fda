"""The one blueprint of all pages: what each route needs, who may send a form, and what a browser may make of a page."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, redirect, request, url_for
from flask.typing import RouteCallable
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Response as Redirect

from ..config import PREFIX as SETTING
from ..config import READONLY, Settings
from ..web import pages
from ..web.needs import Need, say
from ..web.root import current_root

PREFIX = "/ui"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types ui"
)
_READS = {"GET", "HEAD", "OPTIONS"}


class PagesBlueprint(Blueprint):
    """Flask's, whose routes say what they need: ``@blueprint.get(PATH, needs=Need.READ)``."""

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        *,
        needs: Need | None = None,
        **options: Any,
    ) -> None:
        """As Flask's; a route that does not say what it ``needs`` keeps the service from starting."""
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)
        name = endpoint or getattr(view_func, "__name__", "")
        if needs is not None:
            said = needs
            self.record(lambda state: say(cast(Flask, state.app), f"{state.name}.{name}", said))


blueprint = PagesBlueprint("pages", __name__, url_prefix=PREFIX, template_folder="templates")


def is_readonly() -> bool:
    """Whether the pages only show, by the service's settings."""
    settings: Settings = current_app.extensions["settings"]
    return settings.ui == READONLY


@blueprint.before_request
def _judge() -> None:
    """A form counts from a page of this very host alone. Raises ``Forbidden``.

    A browser says of each form whose page sends it; where it does not, it says whether that page is of this site.
    """
    if request.method in _READS:
        return
    origin = request.headers.get("Origin")
    if origin is None:
        is_ours = request.headers.get("Sec-Fetch-Site") == "same-origin"
    else:
        scheme, _, host = origin.lower().partition("://")
        # A page that came without TLS is of whoever is on the way, so none such sends a form to what has it.
        is_ours = host == request.host.lower() and (scheme == "https" or not request.is_secure)
    if not is_ours:
        raise Forbidden("The form is of a page that is not this registry's. Nothing was changed. Open the page here.")


def require_changes() -> None:
    """Raises ``Forbidden`` where the pages only show: each view that changes the registry begins with it."""
    if is_readonly():
        raise Forbidden(f"The pages only show here ({SETTING}UI). Use omr, Python or the HTTP API instead.")


@blueprint.after_request
def mark(response: Response) -> Response:
    """A browser runs nothing in a page but this service's own script, and shows it in nobody's frame."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if "Cache-Control" not in headers:  # after a sign-out nothing may be left behind
        headers["Cache-Control"] = "no-store" if current_root().seems_required() else "no-cache"
    return response


def lead_here(app: Flask) -> None:
    """Whoever prefers a page to JSON is led from ``/`` to the home page."""

    @app.get("/")
    def root() -> Redirect:
        if not pages.are_preferred():
            raise NotFound
        answer = redirect(url_for("pages.home"), 303)
        answer.vary.add("Accept")
        return answer

    say(app, "root", Need.OPEN)

"""A problem document below ``/ui``, or of signing in, is a page that says what happened and what to do."""

from __future__ import annotations

from flask import Response, request, url_for

from ..web import pages
from ..web.tracing import request_id
from .blueprint import mark
from .render import html

_KEPT = ("Retry-After", "WWW-Authenticate", "Vary", "Allow")


def problem_page(response: Response) -> Response:
    """The problem as a page of the same status; a JSON document stays one for whoever asks for it."""
    if not pages.are_preferred():
        return response
    told = response.get_json(silent=True) or {}
    asks = told.get("code") in ("unauthenticated", "invalid_token", "sign_in_failed")
    is_there = request.method == "GET" and request.blueprint != "signing_in"  # to come back to
    back = request.script_root + request.full_path.rstrip("?") if is_there else url_for("pages.home")
    text = html(
        "error.html",
        problem=told,
        status=response.status_code,
        request_id=request_id(),
        sign_in=url_for("signing_in.login", next=back) if asks else None,
    )
    page = Response(text, status=response.status_code, content_type="text/html; charset=utf-8")
    for name in _KEPT:
        if name in response.headers:
            page.headers[name] = response.headers[name]
    return mark(page)

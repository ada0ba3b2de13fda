"""Signing in and out, in the look of all pages: what ``/v1/auth/...`` shows to persons."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response

from ..web import pages
from .blueprint import mark
from .render import page


def init_app(app: Flask) -> None:
    """The pages of signing in look like the others."""
    pages.dress(app, _dressed)


def _dressed(which: str, **said: Any) -> Response:
    return mark(page("signing.html", which=which, **said))

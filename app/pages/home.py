"""All models: what is in production, since when and by whom, and what is newest."""

from __future__ import annotations

from flask import Response

from ..web.needs import Need
from .blueprint import blueprint
from .render import page


@blueprint.get("/", needs=Need.READ)
def home() -> Response:
    """The models of the registry."""
    return page("home.html")

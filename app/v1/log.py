"""The log over HTTP, for whoever trusts nobody: raw lines of journals."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, request, url_for

from registry_core import VerbsOfLog

from ..web.answers import unknown_fields, warn
from ..web.blueprint import Blueprint
from ..web.needs import Need
from ..web.root import current_registry
from ..web.schemas import request_schema
from .schemas import MODEL, between

LINES = "application/x-ndjson"

blueprint = Blueprint("log", __name__, url_prefix="/v1", description="The log: what outsiders hold the registry to")


@blueprint.get("/journal", needs=Need.READ)
@blueprint.arguments(
    request_schema(VerbsOfLog.journal_lines, model_name=MODEL, after=between(0), limit=between(1, 1000)),
    location="query",
)
@blueprint.sends(LINES, problems=(404, 422, 503))
def journal_lines(query: dict[str, Any]) -> Response:
    """The lines of a model's journal byte for byte, or of the registry's own, for admins.

    The header Link names the next page.
    """
    page = current_registry().journal_lines(**query)
    response = Response(b"".join(line + b"\n" for line in page.lines), content_type=LINES)
    if page.next is not None:
        following = {**request.args.to_dict(), "after": page.next}
        response.headers["Link"] = f'<{url_for("log.journal_lines")}?{urlencode(following)}>; rel="next"'
    warn(response, unknown_fields())
    return response

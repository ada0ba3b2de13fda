"""The log over HTTP, for whoever trusts nobody: raw lines, the signed note and its key, and proofs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, request, url_for

from registry_core import VerbsOfLog

from ..web.answers import answer, unknown_fields, warn
from ..web.blueprint import Blueprint
from ..web.needs import Need
from ..web.parsing import Request
from ..web.root import current_registry
from ..web.schemas import answer_schema, field_of, request_schema
from .schemas import MODEL, between

LINES = "application/x-ndjson"
TEXT = "text/plain; charset=utf-8"

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


class SizesQuery(Request):
    """Which trees; ``from`` is no name that Python knows."""

    from_size = field_of(VerbsOfLog.log_consistency, "from_size", data_key="from")
    to_size = field_of(VerbsOfLog.log_consistency, "to_size", data_key="to")


class NothingAsked(Request):
    pass


@blueprint.get("/log/checkpoint", needs=Need.KNOWN)
@blueprint.arguments(NothingAsked, location="query")
@blueprint.sends(TEXT, problems=(404, 409, 503))
def checkpoint(_: dict[str, Any]) -> Response:
    """The newest signed note of the log (C2SP tlog-checkpoint)."""
    return _text(current_registry().log_checkpoint())


@blueprint.get("/log/vkey", needs=Need.KNOWN)
@blueprint.arguments(NothingAsked, location="query")
@blueprint.sends(TEXT, problems=(404, 409, 503))
def vkey(_: dict[str, Any]) -> Response:
    """The line of the key that signs the notes. Keep it, and a note, where nobody of the registry can change them."""
    return _text(current_registry().log_vkey() + "\n")


@blueprint.get("/log/proof", needs=Need.READ)
@blueprint.arguments(
    request_schema(VerbsOfLog.log_proof, model_name=MODEL, seq=between(1)),
    location="query",
)
@blueprint.answers(answer_schema(VerbsOfLog.log_proof), problems=(404, 409, 422, 503))
def proof(query: dict[str, Any]) -> dict[str, Any]:
    """Prove that a line of a model's journal, or of the registry's own, is in the log."""
    return answer(current_registry().log_proof(**query))


@blueprint.get("/log/consistency", needs=Need.KNOWN)
@blueprint.arguments(SizesQuery, location="query")
@blueprint.answers(answer_schema(VerbsOfLog.log_consistency), problems=(404, 409, 422, 503))
def consistency(query: dict[str, Any]) -> dict[str, Any]:
    """Prove that the log only grew from one size to another."""
    return answer(current_registry().log_consistency(**query))


def _text(content: str) -> Response:
    response = Response(content, content_type=TEXT, headers={"Cache-Control": "no-cache"})
    warn(response, unknown_fields())
    return response

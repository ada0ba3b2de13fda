"""What the files of a version are over HTTP, above all whether loading them runs code."""

from __future__ import annotations

from typing import Any

from registry_core import VerbsOfFacts

from ..web.answers import answer
from ..web.blueprint import Blueprint
from ..web.gate import reads_bytes
from ..web.needs import Need
from ..web.root import current_registry
from ..web.schemas import answer_schema, request_schema

blueprint = Blueprint("facts", __name__, url_prefix="/v1", description="What files are, read without running them")

FactsAnswer = answer_schema(VerbsOfFacts.facts, "FactsAnswer")


@blueprint.get("/facts", needs=Need.READ)
@blueprint.arguments(request_schema(VerbsOfFacts.facts), location="query")
@reads_bytes
@blueprint.answers(FactsAnswer, problems=(404, 409, 422, 503))
def facts(query: dict[str, Any]) -> dict[str, Any]:
    """What the last event says of a version's files; with details, what each of them is."""
    return answer(current_registry().facts(**query))


@blueprint.post("/facts", needs=Need.WRITE)
@blueprint.arguments(request_schema(VerbsOfFacts.refresh_facts))
@blueprint.answers(FactsAnswer, problems=(400, 404, 409, 413, 415, 422, 503, 507))
@reads_bytes
def refresh_facts(body: dict[str, Any]) -> dict[str, Any]:
    """Read a version's files again, and make an event of what they are; the last one counts."""
    return answer(current_registry().refresh_facts(**body))

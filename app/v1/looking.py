"""Looking, over HTTP: what is gone, what each alias named when, and what is under way."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from registry_core import MAX_LIMIT, DeletedVersion, OperationFacts, VerbsOfLooking

from ..web.answers import Answer, answer, sent
from ..web.blueprint import Blueprint
from ..web.gate import may_be_large
from ..web.needs import Need
from ..web.root import current_registry
from ..web.schemas import answer_schema, part_schema, request_schema
from .schemas import MODEL, between

blueprint = Blueprint("looking", __name__, url_prefix="/v1", description="What was, what is gone, and what goes on")


class DeletedAnswer(Answer):
    model_name = fields.String()
    deleted = fields.List(fields.Nested(part_schema(DeletedVersion)))


@blueprint.get("/versions/deleted", needs=Need.READ)
@blueprint.arguments(request_schema(VerbsOfLooking.list_deleted, model_name=MODEL), location="query")
@may_be_large
@blueprint.answers(DeletedAnswer, problems=(404, 422, 503))
def deleted(query: dict[str, Any]) -> Response:
    """The versions of a model that are deleted now, the last deleted first."""
    found = current_registry().list_deleted(**query)
    gone = [vars(version) for version in found]
    return sent({"model_name": query["model_name"], "deleted": gone, "warnings": found.warnings})


@blueprint.get("/aliases/spans", needs=Need.READ)
@blueprint.arguments(
    request_schema(VerbsOfLooking.alias_spans, model_name=MODEL, limit=between(1, MAX_LIMIT)), location="query"
)
@may_be_large
@blueprint.answers(answer_schema(VerbsOfLooking.alias_spans), problems=(404, 422, 503))
def spans(query: dict[str, Any]) -> dict[str, Any]:
    """What each alias of a model named, from when to when, the oldest first."""
    return answer(current_registry().alias_spans(**query))


class OperationsAnswer(Answer):
    operations = fields.List(fields.Nested(part_schema(OperationFacts)))


@blueprint.get("/operations", needs=Need.KNOWN)
@blueprint.arguments(request_schema(VerbsOfLooking.list_operations, limit=between(1, 100)), location="query")
@blueprint.answers(OperationsAnswer, problems=(422, 503))
def operations(query: dict[str, Any]) -> dict[str, Any]:
    """The long calls that are under way or have ended lately, the last that moved first."""
    found = current_registry().list_operations(**query)
    return answer({"operations": [one.to_dict() for one in found], "warnings": found.warnings})

"""What became of a long call: ``GET /v1/operations/{id}``."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from registry_core import Progress

from ..web.answers import Answer, answer
from ..web.blueprint import Blueprint
from ..web.needs import Need
from ..web.root import current_registry
from ..web.schemas import part_schema

blueprint = Blueprint("operations", __name__, url_prefix="/v1", description="Operations: long calls that go on")


class OperationAnswer(Answer):
    operation_id = fields.String()
    verb = fields.String()
    state = fields.String(validate=validate.OneOf(["running", "succeeded", "failed", "interrupted"]))
    progress = fields.Nested(part_schema(Progress))
    result = fields.Dict(allow_none=True, metadata={"description": "What the call answered."})
    error = fields.Dict(allow_none=True, metadata={"description": "The problem document in its place."})
    created_at = fields.String()
    updated_at = fields.String()
    expires_at = fields.String()


@blueprint.get("/operations/<operation_id>", needs=Need.KNOWN)
@blueprint.answers(OperationAnswer, problems=(404, 503))
def operation(operation_id: str) -> dict[str, Any]:
    """How far a long call is, and what came of it."""
    return answer(current_registry().operation(operation_id).to_dict())

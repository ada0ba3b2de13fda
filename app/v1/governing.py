"""Governing versions over HTTP: tags, description, stage, deletion and restoration, the journal's proof."""

from __future__ import annotations

from typing import Any

from ..web.blueprint import BODY_OR_QUERY, Blueprint
from ..web.gate import may_wait, reads_bytes
from ..web.root import current_registry
from ..web.schemas import answer
from .governing_schemas import (
    AnnotationAnswer,
    AuditAnswer,
    AuditQuery,
    DeleteAnswer,
    DeleteRequest,
    PatchRequest,
    RestoreAnswer,
    StageRequest,
    TagRequest,
    VersionRequest,
)

blueprint = Blueprint(
    "governance", __name__, url_prefix="/v1", description="Governance: facts beside immutable bytes, and their proof"
)

_CHANGES = (400, 404, 409, 413, 415, 422, 503, 507)


@blueprint.put("/tags")
@blueprint.arguments(TagRequest)
@blueprint.answers(AnnotationAnswer, problems=_CHANGES)
@may_wait
def tag(body: dict[str, Any]) -> dict[str, Any]:
    """Set a tag of a version, or remove it."""
    return answer(current_registry().tag(**body).to_dict())


@blueprint.post("/versions/patch")
@blueprint.arguments(PatchRequest)
@blueprint.answers(AnnotationAnswer, problems=_CHANGES)
@may_wait
def patch(body: dict[str, Any]) -> dict[str, Any]:
    """Set the description and tags of a version."""
    return answer(current_registry().patch(**body).to_dict())


@blueprint.post("/stage")
@blueprint.arguments(StageRequest)
@blueprint.answers(AnnotationAnswer, problems=_CHANGES)
@may_wait
def stage(body: dict[str, Any]) -> dict[str, Any]:
    """Set the stage of a version; staging and production are the aliases of those names."""
    return answer(current_registry().stage(**body).to_dict())


@blueprint.delete("/versions")
@blueprint.arguments(DeleteRequest, location=BODY_OR_QUERY)
@blueprint.answers(DeleteAnswer, problems=_CHANGES)
@may_wait
def delete(body: dict[str, Any]) -> dict[str, Any]:
    """Delete a version that no alias names; it can be restored until it is purged."""
    return answer(current_registry().delete(**body).to_dict())


@blueprint.post("/versions/restore")
@blueprint.arguments(VersionRequest)
@blueprint.answers(RestoreAnswer, problems=_CHANGES)
@reads_bytes
def restore(body: dict[str, Any]) -> dict[str, Any]:
    """Bring a deleted version back, every byte proven first."""
    return answer(current_registry().restore(**body).to_dict())


@blueprint.get("/audit/verify")
@blueprint.arguments(AuditQuery, location="query")
@blueprint.answers(AuditAnswer, problems=(404, 409, 422, 503))
def audit_verify(query: dict[str, Any]) -> dict[str, Any]:
    """Prove the journal of a model."""
    proof = current_registry().audit_verify(query["task"], query["model"], expect_head=query["expect_head"])
    return answer(proof.to_dict())

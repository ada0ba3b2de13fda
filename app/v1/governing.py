"""Governing versions over HTTP: tags, description, stage, deletion and restoration, the journal's proof."""

from __future__ import annotations

from typing import Any

from registry_core import Verbs

from ..web.answers import answer
from ..web.blueprint import Blueprint
from ..web.gate import may_wait, reads_bytes
from ..web.needs import Need
from ..web.parsing import BODY_OR_QUERY
from ..web.root import current_registry
from ..web.schemas import answer_schema, request_schema
from .schemas import GIVEN, GIVEN_OR_LEFT_OUT, MODEL, ONE_STAGE

blueprint = Blueprint(
    "governance", __name__, url_prefix="/v1", description="Governance: facts beside immutable bytes, and their proof"
)

_CHANGES = (400, 404, 409, 413, 415, 422, 503, 507)

# What is said about the version now, whichever verb has changed it.
AnnotationAnswer = answer_schema(Verbs.patch, "AnnotationAnswer", stage=ONE_STAGE)


@blueprint.put("/tags", needs=Need.WRITE)
@blueprint.arguments(request_schema(Verbs.tag))
@blueprint.answers(AnnotationAnswer, problems=_CHANGES)
@may_wait
def tag(body: dict[str, Any]) -> dict[str, Any]:
    """Set a tag of a version, or remove it."""
    return answer(current_registry().tag(**body))


@blueprint.post("/versions/patch", needs=Need.WRITE)
@blueprint.arguments(request_schema(Verbs.patch, tags=GIVEN_OR_LEFT_OUT))
@blueprint.answers(AnnotationAnswer, problems=_CHANGES)
@may_wait
def patch(body: dict[str, Any]) -> dict[str, Any]:
    """Set the description and tags of a version."""
    return answer(current_registry().patch(**body))


@blueprint.post("/stage", needs=Need.PROMOTE)
@blueprint.arguments(request_schema(Verbs.stage, stage=ONE_STAGE))
@blueprint.answers(AnnotationAnswer, problems=_CHANGES)
@may_wait
def stage(body: dict[str, Any]) -> dict[str, Any]:
    """Set the stage of a version; staging and production are the aliases of those names."""
    return answer(current_registry().stage(**body))


@blueprint.delete("/versions", needs=Need.DELETE)
@blueprint.arguments(request_schema(Verbs.delete, reason=GIVEN), location=BODY_OR_QUERY)
@blueprint.answers(answer_schema(Verbs.delete, deleted_at=GIVEN, reason=GIVEN, seq=GIVEN), problems=_CHANGES)
@may_wait
def delete(body: dict[str, Any]) -> dict[str, Any]:
    """Delete a version that no alias names; it can be restored until it is purged."""
    return answer(current_registry().delete(**body))


@blueprint.post("/versions/restore", needs=Need.DELETE)
@blueprint.arguments(request_schema(Verbs.restore, "VersionRequest"))
@blueprint.answers(answer_schema(Verbs.restore), problems=_CHANGES)
@reads_bytes
def restore(body: dict[str, Any]) -> dict[str, Any]:
    """Bring a deleted version back, every byte proven first."""
    return answer(current_registry().restore(**body))


@blueprint.get("/audit/verify", needs=Need.READ)
@blueprint.arguments(request_schema(Verbs.audit_verify, model_name=MODEL), location="query")
@blueprint.answers(answer_schema(Verbs.audit_verify, "AuditAnswer"), problems=(404, 409, 422, 503))
def audit_verify(query: dict[str, Any]) -> dict[str, Any]:
    """Prove the journal of a model."""
    return answer(current_registry().audit_verify(**query))

"""Attestations and findings over HTTP: signed documents about a version as they were sent, and its faults."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import validate

from registry_core import MAX_DOCUMENT_BYTES, SEVERITIES, VerbsOfEvidence

from ..web.answers import answer
from ..web.blueprint import Blueprint
from ..web.disposition import attachment
from ..web.gate import may_be_large, may_wait
from ..web.needs import Need
from ..web.parsing import Request, whole_body
from ..web.root import current_registry, governed_registry, was_asked_who_calls
from ..web.schemas import answer_schema, field_of, request_schema
from ..web.sending import CONTENT_TYPE, send_document
from .schemas import GIVEN_OR_LEFT_OUT

blueprint = Blueprint(
    "attestations", __name__, url_prefix="/v1", description="Evidence: who vouches for a version, and what is wrong"
)

_CHANGES = (400, 403, 404, 409, 413, 415, 422, 503, 507)
_Changed = answer_schema(VerbsOfEvidence.open_finding, "EvidenceChangeAnswer")


class AttestQuery(Request):
    task = field_of(VerbsOfEvidence.attest, "task")
    ref = field_of(VerbsOfEvidence.attest, "ref")
    from_package = field_of(VerbsOfEvidence.attest, "from_package")
    actor = field_of(VerbsOfEvidence.attest, "actor")
    reason = field_of(VerbsOfEvidence.attest, "reason")


@blueprint.post("/attestations", needs=Need.WRITE)
@blueprint.arguments(AttestQuery, location="query")
@blueprint.doc(requestBody={"content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}})
@blueprint.answers(answer_schema(VerbsOfEvidence.attest), problems=_CHANGES)
@may_be_large
def attest(query: dict[str, Any]) -> dict[str, Any]:
    """Have a signed document count for a version: the body is its own bytes, or from_package names them."""
    request.max_content_length = MAX_DOCUMENT_BYTES  # more than any JSON of ours may have
    return answer(current_registry().attest(document=whole_body(request, cache=False), **query))


@blueprint.get("/attestations", needs=Need.READ)
@blueprint.arguments(request_schema(VerbsOfEvidence.attestations), location="query")
@may_be_large
@blueprint.answers(answer_schema(VerbsOfEvidence.attestations), problems=(404, 422, 503))
def attestations(query: dict[str, Any]) -> dict[str, Any]:
    """What was attached to a version, the oldest first, and the signatures that were found in it at register."""
    return answer(current_registry().attestations(**query))


@blueprint.get("/attestations/<task>/<model_name>/<version>/<sha256>", needs=Need.READ)
@may_be_large
@blueprint.sends(CONTENT_TYPE, also=(304,), problems=(404, 409, 412, 422, 503))
def attestation(task: str, model_name: str, version: str, sha256: str) -> Response:
    """A document's own bytes, as they were sent, proven. They never change: the ETag is their SHA-256."""
    data = current_registry().attestation(task, model_name, version, sha256)
    named = sha256.removeprefix("sha256:").lower()
    return send_document(
        data, named, {"Content-Type": CONTENT_TYPE, "Content-Disposition": attachment(f"{named}.json")}
    )


@blueprint.post("/attestations/dismiss", needs=Need.ADMIN)
@blueprint.arguments(request_schema(VerbsOfEvidence.dismiss_attestation, reason=GIVEN_OR_LEFT_OUT))
@blueprint.answers(_Changed, problems=_CHANGES)
@may_wait
def dismiss_attestation(body: dict[str, Any]) -> dict[str, Any]:
    """Have a reject block no longer, whatever it says; for admins."""
    return answer(governed_registry().dismiss_attestation(**body))


@blueprint.get("/findings", needs=Need.READ)
@blueprint.arguments(request_schema(VerbsOfEvidence.findings), location="query")
@may_be_large
@blueprint.answers(answer_schema(VerbsOfEvidence.findings), problems=(404, 422, 503))
def findings(query: dict[str, Any]) -> dict[str, Any]:
    """What was found of a version, the oldest first; the ended ones too."""
    return answer(current_registry().findings(**query))


@blueprint.post("/findings", needs=Need.WRITE)
@blueprint.arguments(request_schema(VerbsOfEvidence.open_finding, severity={"validate": validate.OneOf(SEVERITIES)}))
@blueprint.answers(_Changed, status=201, problems=_CHANGES)
@may_wait
def open_finding(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Say what is wrong with a version; the finding is called by its event."""
    return answer(current_registry().open_finding(**body)), 201


@blueprint.post("/findings/resolve", needs=Need.WRITE)
@blueprint.arguments(request_schema(VerbsOfEvidence.resolve_finding, reason=GIVEN_OR_LEFT_OUT))
@blueprint.answers(_Changed, problems=_CHANGES)
@may_wait
def resolve_finding(body: dict[str, Any]) -> dict[str, Any]:
    """Say that what was found is mended, or is not so."""
    registry = current_registry()
    named = {name: body[name] for name in ("task", "model_name", "version", "id")}
    if not was_asked_who_calls() and registry.keeps_back(**named):
        governed_registry()  # refuses: whoever can call could let anything pass
    return answer(registry.resolve_finding(**body))


@blueprint.post("/findings/dismiss", needs=Need.ADMIN)
@blueprint.arguments(request_schema(VerbsOfEvidence.dismiss_finding, reason=GIVEN_OR_LEFT_OUT))
@blueprint.answers(_Changed, problems=_CHANGES)
@may_wait
def dismiss_finding(body: dict[str, Any]) -> dict[str, Any]:
    """Have a finding count no longer, whatever it says; for admins."""
    return answer(governed_registry().dismiss_finding(**body))

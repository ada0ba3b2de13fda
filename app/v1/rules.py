"""Trust and policies over HTTP: whose word counts, and what must be met before an alias may name a version."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import fields

from registry_core import PolicyFacts, VerbsOfGates, VerbsOfRules

from ..web.answers import Answer, answer
from ..web.blueprint import Blueprint
from ..web.gate import may_be_large, may_wait
from ..web.needs import Need
from ..web.parsing import BODY_OR_QUERY, Request
from ..web.root import current_registry, governed_registry
from ..web.schemas import answer_schema, described, field_of, part_schema, request_schema

blueprint = Blueprint("rules", __name__, url_prefix="/v1", description="Trust, and policies for aliases")

_CHANGES = (400, 409, 413, 415, 422, 503, 507)
_JSON = "application/json"


class TrustDocument(Request):
    """What is sent is judged, and kept, as it is written; here is only what it has."""

    schema = described("omr-trust/1.")
    people = described("By name: the groups, principals and actors of each.")
    keys = described("Public keys, and whose they are.")
    revoked = described("Which of them count no longer, and since when.")


class PolicyDocument(Request):
    """What is sent is judged, and kept, as it is written; here is only what it has."""

    schema = described("omr-policy/1.")
    task = described("As in the address.")
    models = described("Which models it is about, by patterns.")
    register = described("What a version needs before it is taken in.")
    gates = described("What it needs before an alias may name it.")


class ThenQuery(Request):
    as_of = field_of(VerbsOfRules.trust_document, "as_of")


class SettingQuery(Request):
    expected_seq = field_of(VerbsOfRules.set_policy, "expected_seq")
    actor = field_of(VerbsOfRules.set_policy, "actor")
    reason = field_of(VerbsOfRules.set_policy, "reason")


class PolicyListAnswer(Answer):
    policies = fields.List(fields.Nested(part_schema(PolicyFacts)))


@blueprint.get("/trust", needs=Need.ADMIN)
@blueprint.arguments(ThenQuery, location="query")
@blueprint.answers(answer_schema(VerbsOfRules.trust_document), problems=(409, 422, 503))
def trust_document(query: dict[str, Any]) -> dict[str, Any]:
    """The trust document that holds, or held `as_of` a moment, and who set it."""
    return answer(current_registry().trust_document(**query))


@blueprint.put("/trust", needs=Need.ADMIN)
@blueprint.arguments(TrustDocument)
@blueprint.arguments(SettingQuery, location="query")
@blueprint.answers(answer_schema(VerbsOfRules.set_trust_document), problems=_CHANGES)
@may_wait
def set_trust_document(_: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """Have the trust document in the body hold, and no other."""
    return answer(governed_registry().set_trust_document(request.get_data(), **query))


@blueprint.get("/policies", needs=Need.ADMIN)
@blueprint.answers(PolicyListAnswer, problems=(409, 503))
def policies() -> dict[str, Any]:
    """The policies that hold, and who set them."""
    return answer({"policies": current_registry().policies()})


@blueprint.get("/policies/<task>", needs=Need.ADMIN)
@blueprint.arguments(ThenQuery, location="query")
@blueprint.answers(answer_schema(VerbsOfRules.policy), problems=(404, 409, 422, 503))
def policy(query: dict[str, Any], task: str) -> dict[str, Any]:
    """The policy of the task, or of all (`*`), that holds, or held `as_of` a moment, and who set it."""
    return answer(current_registry().policy(task, **query))


@blueprint.put("/policies/<task>", needs=Need.ADMIN)
@blueprint.arguments(PolicyDocument)
@blueprint.arguments(SettingQuery, location="query")
@blueprint.answers(answer_schema(VerbsOfRules.set_policy), problems=_CHANGES)
@may_wait
def set_policy(_: dict[str, Any], query: dict[str, Any], task: str) -> dict[str, Any]:
    """Have the policy in the body hold for the task, or for all (`*`), in the place of the one before."""
    return answer(governed_registry().set_policy(task, request.get_data(), **query))


@blueprint.delete("/policies/<task>", needs=Need.ADMIN)
@blueprint.arguments(SettingQuery, location=BODY_OR_QUERY)
@blueprint.answers(answer_schema(VerbsOfRules.clear_policy), problems=(404, *_CHANGES))
@may_wait
def clear_policy(body: dict[str, Any], task: str) -> dict[str, Any]:
    """Have no policy hold for the task, or for all (`*`)."""
    return answer(governed_registry().clear_policy(task, **body))


@blueprint.post("/policies/<task>/try", needs=Need.ADMIN)
@blueprint.arguments(PolicyDocument)
@blueprint.answers(answer_schema(VerbsOfRules.try_policy), problems=(400, 409, 413, 415, 422, 503))
@may_be_large
def try_policy(_: dict[str, Any], task: str) -> dict[str, Any]:
    """What the policy in the body would guard, and say of the versions that are there; nothing is changed."""
    return answer(current_registry().try_policy(task, request.get_data()))


@blueprint.get("/gate", needs=Need.READ)
@blueprint.arguments(request_schema(VerbsOfGates.gate), location="query")
@blueprint.answers(answer_schema(VerbsOfGates.gate), problems=(404, 409, 422, 503))
def gate(query: dict[str, Any]) -> dict[str, Any]:
    """Whether a version meets what an alias asks for, requirement by requirement; nothing is changed."""
    return answer(current_registry().gate(**query))


@blueprint.get("/log/documents/<digest>", needs=Need.ADMIN)
@blueprint.sends(_JSON, problems=(404, 409, 503))
def log_document(digest: str) -> Response:
    """The bytes of a trust document or a policy that holds, or held once, by their SHA-256."""
    return Response(current_registry().log_document(digest), content_type=_JSON)

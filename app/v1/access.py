"""Access over HTTP: who calls, the rules that hold, tokens, and whose a model is. A new token is in its answer only."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import fields

from registry_core import TokenFacts, VerbsOfAccess

from ..web.answers import Answer, answer
from ..web.blueprint import Blueprint
from ..web.gate import may_wait
from ..web.needs import Need
from ..web.parsing import BODY_OR_QUERY, Request
from ..web.root import current_caller, governed_registry
from ..web.schemas import answer_schema, described, field_of, part_schema, request_schema

blueprint = Blueprint("access", __name__, url_prefix="/v1", description="Access: who calls, and what they may do")

_CHANGES = (400, 409, 413, 415, 422, 503, 507)


class AccessDocument(Request):
    """What is sent is judged, and kept, as it is written; here is only what it has."""

    schema = described("omr-access/1.")
    protected_aliases = described("Patterns of the aliases that approvers move.")
    rules = described("Who gets which role on which models.")
    admins = described("Who may do everything.")
    blocked = described("Whose rights have ended, whatever the rules say.")


class RulesQuery(Request):
    expected_seq = field_of(VerbsOfAccess.set_access_rules, "expected_seq")
    actor = field_of(VerbsOfAccess.set_access_rules, "actor")
    reason = field_of(VerbsOfAccess.set_access_rules, "reason")


class EndRequest(Request):
    actor = field_of(VerbsOfAccess.revoke_token, "actor")
    reason = field_of(VerbsOfAccess.revoke_token, "reason")


class TokensAnswer(Answer):
    tokens = fields.List(fields.Nested(part_schema(TokenFacts)))


@blueprint.get("/auth/me", needs=Need.KNOWN)
@blueprint.answers(answer_schema(VerbsOfAccess.whoami), problems=(503,))
def whoami() -> dict[str, Any]:
    """Who calls, as far as it was verified; where nobody is asked, `anonymous`."""
    return answer(current_caller())


@blueprint.get("/access", needs=Need.ADMIN)
@blueprint.arguments(request_schema(VerbsOfAccess.access_rules), location="query")
@blueprint.answers(answer_schema(VerbsOfAccess.access_rules), problems=(422, 503))
def access_rules(query: dict[str, Any]) -> dict[str, Any]:
    """The access document that holds, or held `as_of` a moment, for admins."""
    return answer(governed_registry().access_rules(**query))


@blueprint.put("/access", needs=Need.ADMIN)
@blueprint.arguments(AccessDocument)
@blueprint.arguments(RulesQuery, location="query")
@blueprint.answers(answer_schema(VerbsOfAccess.set_access_rules), problems=_CHANGES)
@may_wait
def set_access_rules(_: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """Have the rules in the body hold, and no others; for admins, who stay admins by them."""
    return answer(governed_registry().set_access_rules(request.get_data(), **query))


@blueprint.get("/access/try", needs=Need.ADMIN)
@blueprint.arguments(request_schema(VerbsOfAccess.try_access_rules), location="query")
@blueprint.answers(answer_schema(VerbsOfAccess.try_access_rules), problems=(422, 503))
def try_access_rules(query: dict[str, Any]) -> dict[str, Any]:
    """What the rules that hold, or held `as_of` a moment, give somebody, for admins."""
    return answer(governed_registry().try_access_rules(**query))


@blueprint.get("/tokens", needs=Need.KNOWN)
@blueprint.answers(TokensAnswer, problems=(503,))
def list_tokens() -> dict[str, Any]:
    """The tokens that count: for an admin all, for others their own."""
    return answer({"tokens": governed_registry().list_tokens()})


@blueprint.post("/tokens", needs=Need.KNOWN)
@blueprint.arguments(request_schema(VerbsOfAccess.create_token))
@blueprint.answers(answer_schema(VerbsOfAccess.create_token), status=201, problems=_CHANGES)
@may_wait
def create_token(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Make a token; it is in this answer, and nowhere else."""
    return answer(governed_registry().create_token(**body)), 201


@blueprint.delete("/tokens/<token_id>", needs=Need.KNOWN)
@blueprint.arguments(EndRequest, location=BODY_OR_QUERY)
@blueprint.answers(answer_schema(VerbsOfAccess.revoke_token), problems=(404, *_CHANGES))
@may_wait
def revoke_token(body: dict[str, Any], token_id: str) -> dict[str, Any]:
    """End a token at once."""
    return answer(governed_registry().revoke_token(token_id, **body))


@blueprint.post("/ownership/resolve", needs=Need.ADMIN)
@blueprint.arguments(request_schema(VerbsOfAccess.resolve_ownership))
@blueprint.answers(answer_schema(VerbsOfAccess.resolve_ownership), problems=(404, *_CHANGES))
@may_wait
def resolve_ownership(body: dict[str, Any]) -> dict[str, Any]:
    """Make a model that older software left as legacy_unowned the caller's organization's."""
    return answer(governed_registry().resolve_ownership(**body))

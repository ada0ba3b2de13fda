"""Aliases over HTTP: promote, rollback, aliases and their removal, history."""

from __future__ import annotations

from typing import Any

from flask import Response

from registry_core import ModelRegistry, PermissionDenied, Verbs

from ..web.answers import answer, sent
from ..web.blueprint import Blueprint
from ..web.gate import may_be_large, may_wait
from ..web.needs import Need
from ..web.parsing import BODY_OR_QUERY
from ..web.root import current_registry, was_asked_who_calls
from ..web.schemas import answer_schema, request_schema
from .schemas import MODEL, AliasesAnswer, HistoryAnswer, HistoryQuery

blueprint = Blueprint("aliases", __name__, url_prefix="/v1", description="Aliases: movable names with a history")

PromoteAnswer = answer_schema(Verbs.promote)


@blueprint.post("/promote", needs=Need.PROMOTE)
@blueprint.arguments(request_schema(Verbs.promote))
@blueprint.answers(PromoteAnswer, problems=(400, 404, 409, 413, 415, 422, 503, 507))
@may_wait
def promote(body: dict[str, Any]) -> dict[str, Any]:
    """Move an alias to a version."""
    return answer(_overridable(body).promote(**body))


@blueprint.get("/aliases", needs=Need.READ)
@blueprint.arguments(request_schema(Verbs.list_aliases, model_name=MODEL), location="query")
@blueprint.answers(AliasesAnswer, problems=(404, 422, 503))
def aliases(query: dict[str, Any]) -> Response:
    """The aliases of a model."""
    found = current_registry().list_aliases(**query)
    aliases = [vars(alias) for alias in found]
    return sent({"model_name": query["model_name"], "aliases": aliases, "warnings": found.warnings})


@blueprint.delete("/aliases", needs=Need.PROMOTE)
@blueprint.arguments(request_schema(Verbs.unalias), location=BODY_OR_QUERY)
@blueprint.answers(answer_schema(Verbs.unalias), problems=(400, 404, 409, 413, 415, 422, 503, 507))
@may_wait
def unalias(body: dict[str, Any]) -> dict[str, Any]:
    """Remove an alias."""
    return answer(current_registry().unalias(**body))


@blueprint.post("/rollback", needs=Need.PROMOTE)
@blueprint.arguments(request_schema(Verbs.rollback, "AliasRequest"))
@blueprint.answers(PromoteAnswer, problems=(400, 404, 409, 413, 415, 422, 503, 507))
@may_wait
def rollback(body: dict[str, Any]) -> dict[str, Any]:
    """Move an alias back to the version that it named before."""
    return answer(_overridable(body).rollback(**body))


def _overridable(body: dict[str, Any]) -> ModelRegistry:
    """The registry as the caller has it; where nobody is asked who calls, nobody overrides a gate.

    Raises ``PermissionDenied``.
    """
    registry = current_registry()
    if body.get("override") is not None and not was_asked_who_calls():
        raise PermissionDenied(
            "This service asks nobody who is calling, so nobody overrides a gate through it. Whoever has the root "
            "does, with 'omr --root'; with OMNIBIOAI_MODEL_REGISTRY_AUTH=required callers say who they are.",
            required={"action": "promote", "on": None, "alias": None},
        )
    return registry


@blueprint.get("/history", needs=Need.READ)
@blueprint.arguments(HistoryQuery, location="query")
@may_be_large
@blueprint.answers(HistoryAnswer, problems=(404, 422, 503))
def history(query: dict[str, Any]) -> dict[str, Any]:
    """The events of a model, oldest first; without a model those of all, newest first."""
    names = {name: query.pop(name) for name in ("task", "model_name") if name in query}
    if names:
        return answer(current_registry().history(**names, **query))
    return answer(current_registry().activity(**query))

"""Aliases over HTTP: promote, rollback, aliases and their removal, history."""

from __future__ import annotations

from typing import Any

from ..web.blueprint import BODY_OR_QUERY, Blueprint
from ..web.gate import may_wait
from ..web.root import current_registry
from ..web.schemas import answer
from .governing_schemas import AliasRequest, UnaliasAnswer
from .schemas import AliasesAnswer, HistoryAnswer, HistoryQuery, ModelQuery, PromoteAnswer, PromoteRequest

blueprint = Blueprint("aliases", __name__, url_prefix="/v1", description="Aliases: movable names with a history")


@blueprint.post("/promote")
@blueprint.arguments(PromoteRequest)
@blueprint.answers(PromoteAnswer, problems=(400, 404, 409, 413, 415, 422, 503, 507))
@may_wait
def promote(body: dict[str, Any]) -> dict[str, Any]:
    """Move an alias to a version."""
    return answer(current_registry().promote(**body).to_dict())


@blueprint.get("/aliases")
@blueprint.arguments(ModelQuery, location="query")
@blueprint.answers(AliasesAnswer, problems=(404, 422, 503))
def aliases(query: dict[str, Any]) -> dict[str, Any]:
    """The aliases of a model."""
    found = current_registry().list_aliases(query["task"], query["model"])
    return answer({"model_name": query["model"], "aliases": [alias.to_dict() for alias in found]})


@blueprint.delete("/aliases")
@blueprint.arguments(AliasRequest, location=BODY_OR_QUERY)
@blueprint.answers(UnaliasAnswer, problems=(400, 404, 409, 413, 415, 422, 503, 507))
@may_wait
def unalias(body: dict[str, Any]) -> dict[str, Any]:
    """Remove an alias."""
    return answer(current_registry().unalias(**body).to_dict())


@blueprint.post("/rollback")
@blueprint.arguments(AliasRequest)
@blueprint.answers(PromoteAnswer, problems=(400, 404, 409, 413, 415, 422, 503, 507))
@may_wait
def rollback(body: dict[str, Any]) -> dict[str, Any]:
    """Move an alias back to the version that it named before."""
    return answer(current_registry().rollback(**body).to_dict())


@blueprint.get("/history")
@blueprint.arguments(HistoryQuery, location="query")
@blueprint.answers(HistoryAnswer, problems=(404, 422, 503))
def history(query: dict[str, Any]) -> dict[str, Any]:
    """The events of a model, oldest first."""
    filters = {name: value for name, value in query.items() if name not in ("task", "model")}
    return answer(current_registry().history(query["task"], query["model"], **filters).to_dict())

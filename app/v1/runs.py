"""Training runs over HTTP: what is logged while a training goes on, and what is told of it."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, url_for

from registry_core import MAX_LIMIT, RunFacts, Verbs

from ..web import next_page
from ..web.answers import answer, unknown_fields, warn
from ..web.blueprint import Blueprint
from ..web.gate import may_be_large, may_wait
from ..web.needs import Need
from ..web.root import current_registry
from ..web.schemas import answer_schema, part_schema, request_schema
from .schemas import GIVEN, MODEL, between

blueprint = Blueprint("runs", __name__, url_prefix="/v1/runs", description="Training runs: logged beside the versions")

_LOGS = (400, 413, 415, 422, 503, 507)

LoggedAnswer = answer_schema(Verbs.log_batch, "LoggedAnswer")


@blueprint.post("/log-metric", needs=Need.WRITE)
@blueprint.arguments(request_schema(Verbs.log_metric, value=GIVEN))
@blueprint.answers(LoggedAnswer, problems=_LOGS)
@may_wait
def log_metric(body: dict[str, Any]) -> dict[str, Any]:
    """Keep a point of a metric."""
    return answer(current_registry().log_metric(**body))


@blueprint.post("/log-param", needs=Need.WRITE)
@blueprint.arguments(request_schema(Verbs.log_param))
@blueprint.answers(LoggedAnswer, problems=_LOGS)
@may_wait
def log_param(body: dict[str, Any]) -> dict[str, Any]:
    """Keep a parameter of a run."""
    return answer(current_registry().log_param(**body))


@blueprint.post("/log-batch", needs=Need.WRITE)
@blueprint.arguments(request_schema(Verbs.log_batch))
@blueprint.answers(LoggedAnswer, problems=_LOGS)
@may_wait
def log_batch(body: dict[str, Any]) -> dict[str, Any]:
    """Keep many points, parameters and tags of a run: all of them or, where one is wrong, none."""
    return answer(current_registry().log_batch(**body))


@blueprint.post("/end", needs=Need.WRITE)
@blueprint.arguments(request_schema(Verbs.end_run))
@blueprint.answers(answer_schema(Verbs.end_run), problems=_LOGS)
@may_wait
def end(body: dict[str, Any]) -> dict[str, Any]:
    """Say how a run has ended."""
    return answer(current_registry().end_run(**body))


@blueprint.get("/get", needs=Need.READ)
@blueprint.arguments(request_schema(Verbs.run, model_name=MODEL, points=between(2)), location="query")
@may_be_large
@blueprint.answers(answer_schema(Verbs.run), problems=(404, 422, 503))
def get(query: dict[str, Any]) -> dict[str, Any]:
    """A run with its curves."""
    return answer(current_registry().run(**query).to_dict())


@blueprint.get("/list", needs=Need.READ)
@blueprint.arguments(request_schema(Verbs.runs, model_name=MODEL, limit=between(1, MAX_LIMIT)), location="query")
@may_be_large
@blueprint.answers(part_schema(RunFacts)(many=True), problems=(404, 422, 503))
def list_runs(query: dict[str, Any]) -> Response:
    """The runs of a model by their ids, all of them or, with limit, a page: the header Link names the next one."""
    page = current_registry().runs(**query)
    response = jsonify([facts.to_dict() for facts in page.items])
    next_page.point_to(response, url_for("runs.list_runs"), page.next)
    warn(response, unknown_fields())
    return response

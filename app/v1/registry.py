"""Versions over HTTP: register, resolve, show, verify, artifacts, metrics, compare."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from flask import Response, request, url_for

from registry_core import Action, ArtifactsRefused, Verbs

from ..config import PREFIX
from ..web import respond_async
from ..web.answers import answer, sent
from ..web.blueprint import Blueprint
from ..web.gate import may_be_large, reads_bytes
from ..web.needs import Need
from ..web.peer import comes_from_here
from ..web.root import current_registry
from ..web.schemas import AcceptedAnswer, PreferHeaders, answer_schema, request_schema
from .schemas import (
    MODEL,
    ONE_STAGE,
    AdmissionAnswer,
    AdmissionRequest,
    RegisterAnswer,
    RegisterHeaders,
    RegisterRequest,
)

blueprint = Blueprint("registry", __name__, url_prefix="/v1", description="Versions: immutable, proven packages")

_FINDS = (404, 409, 422, 503)


@blueprint.post("/register", needs=Need.WRITE)
@blueprint.arguments(RegisterRequest)
@blueprint.arguments(RegisterHeaders, location="headers")
@blueprint.alt_response(202, schema=AcceptedAnswer, description="Accepted", success=True)
@blueprint.answers(RegisterAnswer, status=201, problems=(400, 404, 409, 410, 413, 415, 422, 423, 503, 507))
def register(body: dict[str, Any], headers: dict[str, Any]) -> Any:
    """Take a package in as a version, and let an alias name it."""
    if body.get("artifacts_dir") is not None:
        _check_may_name_paths()
    prefer, key = headers["prefer"], headers["idempotency_key"]
    if not respond_async.is_preferred(prefer):
        return _register(body, key)
    registry = current_registry()
    registry.require_may(
        body["task"],
        body["model_name"],
        Action.WRITE,
        sets=body.get("set_alias"),
        names=body["version"],
        names_path=body.get("artifacts_dir") is not None,
    )
    scoped = None if key is None else json.dumps([body["task"], body["model_name"], key])
    return respond_async.start(
        "register",
        body,
        scoped,
        lambda progress: registry.register(**body, idempotency_key=key, progress=progress).to_dict(),
    )


def _check_may_name_paths() -> None:
    """Whoever may make this process read a path is at work on its machine, or is held to the allowed roots."""
    if not current_registry().artifacts_allowed_roots and not comes_from_here(request.environ):
        raise ArtifactsRefused(
            "artifacts_dir is taken from other machines, and through a proxy, only where the places are named that "
            f"it may lie in. Set {PREFIX}ARTIFACTS_ALLOWED_ROOTS, or send the files as an upload."
        )


@reads_bytes
def _register(body: dict[str, Any], key: str | None) -> tuple[dict[str, Any], int, dict[str, str]]:
    done = current_registry().register(**body, idempotency_key=key)
    ref = urlencode({"task": done.task, "ref": f"{done.model_name}@{done.version}"})
    return answer(done.to_dict()), 201, {"Location": f"{url_for('registry.show')}?{ref}"}


@blueprint.post("/register/ask", needs=Need.WRITE)
@blueprint.arguments(AdmissionRequest)
@may_be_large
@blueprint.answers(AdmissionAnswer, problems=(400, 409, 413, 415, 422, 503))
def ask_register(body: dict[str, Any]) -> dict[str, Any]:
    """Whether register would take the name, the words and the alias, before anything is read or sent."""
    return answer(current_registry().ask_register(**body).to_dict())


@blueprint.get("/resolve", needs=Need.USE)
@blueprint.arguments(request_schema(Verbs.resolve), location="query")
@blueprint.answers(answer_schema(Verbs.resolve), problems=_FINDS)
def resolve(query: dict[str, Any]) -> Response:
    """The exact version that a ref names, its bytes proven unless verify is false."""
    return _resolve_proven(query) if query["verify"] else _resolve(query)


def _resolve(query: dict[str, Any]) -> Response:
    return sent(vars(current_registry().resolve(**query)))


_resolve_proven = reads_bytes(_resolve)


@blueprint.get("/show", needs=Need.READ)
@blueprint.arguments(request_schema(Verbs.show), location="query")
@blueprint.answers(answer_schema(Verbs.show, stage=ONE_STAGE), problems=_FINDS)
def show(query: dict[str, Any]) -> Response:
    """All that is known about a version."""
    return _show_proven(query) if query["verify"] else _show(query)


def _show(query: dict[str, Any]) -> Response:
    return sent(vars(current_registry().show(**query)))


_show_proven = reads_bytes(_show)


@blueprint.post("/verify", needs=Need.USE)
@blueprint.arguments(request_schema(Verbs.verify))
@blueprint.arguments(PreferHeaders, location="headers")
@blueprint.alt_response(202, schema=AcceptedAnswer, description="Accepted", success=True)
@blueprint.answers(answer_schema(Verbs.verify), problems=(400, 413, 415, 507, *_FINDS))
def verify(body: dict[str, Any], headers: dict[str, Any]) -> Any:
    """Read every byte of a version and prove it."""
    if not respond_async.is_preferred(headers["prefer"]):
        return _verify(body)
    registry = current_registry()
    registry.require_may(body["task"], body["ref"].partition("@")[0], Action.USE)
    return respond_async.start(
        "verify", body, None, lambda progress: registry.verify(**body, progress=progress).to_dict()
    )


@reads_bytes
def _verify(body: dict[str, Any]) -> dict[str, Any]:
    return answer(current_registry().verify(**body))


@blueprint.get("/artifacts", needs=Need.READ)
@blueprint.arguments(request_schema(Verbs.artifacts), location="query")
@may_be_large
@blueprint.answers(answer_schema(Verbs.artifacts), problems=_FINDS)
def artifacts(query: dict[str, Any]) -> dict[str, Any]:
    """Every file of a version, nested paths included."""
    return answer(current_registry().artifacts(**query).to_dict())


@blueprint.get("/metrics", needs=Need.READ)
@blueprint.arguments(request_schema(Verbs.metrics), location="query")
@may_be_large
@blueprint.answers(answer_schema(Verbs.metrics), problems=_FINDS)
def metrics(query: dict[str, Any]) -> dict[str, Any]:
    """What a version achieved, and the points of its training run."""
    return answer(current_registry().metrics(**query))


@blueprint.get("/compare", needs=Need.READ)
@blueprint.arguments(request_schema(Verbs.compare, model_name=MODEL), location="query")
@may_be_large
@blueprint.answers(answer_schema(Verbs.compare), problems=_FINDS)
def compare(query: dict[str, Any]) -> dict[str, Any]:
    """Versions side by side: metrics, parameters, files, and in what they differ."""
    return answer(current_registry().compare(**query))

"""Versions over HTTP: register, resolve, show, verify, artifacts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from .blueprint import Blueprint
from .gate import reads_bytes
from .root import current_registry
from .schemas import (
    ArtifactsAnswer,
    RefQuery,
    RegisterAnswer,
    RegisterHeaders,
    RegisterRequest,
    ResolveAnswer,
    ResolveQuery,
    ShowAnswer,
    ShowQuery,
    VerifyAnswer,
    VerifyRequest,
    answer,
)

blueprint = Blueprint("registry", __name__, url_prefix="/v1", description="Versions: immutable, proven packages")

_FINDS = (404, 409, 422, 503)


@blueprint.post("/register")
@blueprint.arguments(RegisterRequest)
@blueprint.arguments(RegisterHeaders, location="headers")
@blueprint.answers(RegisterAnswer, status=201, problems=(400, 409, 413, 415, 422, 503, 507))
@reads_bytes
def register(body: dict[str, Any], headers: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Take a package in as a version, and let an alias name it."""
    done = current_registry().register(**body, **headers)
    ref = urlencode({"task": done.task, "ref": f"{done.model_name}@{done.version}"})
    return answer(done.to_dict()), 201, {"Location": f"/v1/show?{ref}"}


@blueprint.get("/resolve")
@blueprint.arguments(ResolveQuery, location="query")
@blueprint.answers(ResolveAnswer, problems=_FINDS)
def resolve(query: dict[str, Any]) -> dict[str, Any]:
    """The exact version that a ref names, its bytes proven unless verify is false."""
    return _resolve_proven(query) if query["verify"] else _resolve(query)


def _resolve(query: dict[str, Any]) -> dict[str, Any]:
    return answer(current_registry().resolve(**query).to_dict())


_resolve_proven = reads_bytes(_resolve)


@blueprint.get("/show")
@blueprint.arguments(ShowQuery, location="query")
@blueprint.answers(ShowAnswer, problems=_FINDS)
def show(query: dict[str, Any]) -> dict[str, Any]:
    """All that is known about a version."""
    return _show_proven(query) if query["verify"] else _show(query)


def _show(query: dict[str, Any]) -> dict[str, Any]:
    return answer(current_registry().show(**query).to_dict())


_show_proven = reads_bytes(_show)


@blueprint.post("/verify")
@blueprint.arguments(VerifyRequest)
@blueprint.answers(VerifyAnswer, problems=(400, 413, 415, *_FINDS))
@reads_bytes
def verify(body: dict[str, Any]) -> dict[str, Any]:
    """Read every byte of a version and prove it."""
    return answer(current_registry().verify(**body).to_dict())


@blueprint.get("/artifacts")
@blueprint.arguments(RefQuery, location="query")
@blueprint.answers(ArtifactsAnswer, problems=_FINDS)
def artifacts(query: dict[str, Any]) -> dict[str, Any]:
    """Every file of a version, nested paths included."""
    return answer(current_registry().artifacts(**query).to_dict())

"""Whether the service lives, whether it can work, and how it is protected."""

from __future__ import annotations

from typing import Any

from registry_core import __version__

from ..web.answers import answer
from ..web.blueprint import Blueprint
from ..web.root import current_root
from .schemas import AuthStatusAnswer, HealthAnswer, ReadyAnswer

SERVICE = "omnibioai-model-registry"

blueprint = Blueprint("health", __name__, description="Health and protection of the service")


@blueprint.get("/health")
@blueprint.answers(HealthAnswer)
def health() -> dict[str, Any]:
    """The process answers. Says nothing about the storage: that is /health/ready."""
    return answer(
        {
            "service": SERVICE,
            "version": __version__,
            "registry_root_configured": current_root().is_configured,
        }
    )


@blueprint.get("/health/ready")
@blueprint.answers(ReadyAnswer, problems=(503,))
def ready() -> dict[str, Any]:
    """The root is there, writable, of a known format, and has space; else 503 with the reason."""
    free_bytes = current_root().check_ready()
    return answer({"free_bytes": free_bytes, "catalog": current_root().registry().catalog_state.to_dict()})


@blueprint.get("/v1/auth/status")
@blueprint.answers(AuthStatusAnswer)
def auth_status() -> dict[str, Any]:
    """How callers are told apart: not at all yet."""
    return answer({"auth_enabled": False, "mode": "open", "iam_url": None})

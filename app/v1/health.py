"""Whether the service lives, whether it can work, and how it is protected."""

from __future__ import annotations

from typing import Any

from flask import current_app

from registry_core import RegistryError, __version__

from ..config import Settings
from ..web.answers import answer
from ..web.blueprint import Blueprint
from ..web.needs import Need
from ..web.root import Root, current_root
from .schemas import AuthStatusAnswer, HealthAnswer, ReadyAnswer

SERVICE = "omnibioai-model-registry"

blueprint = Blueprint("health", __name__, description="Health and protection of the service")


@blueprint.get("/health", needs=Need.OPEN)
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


@blueprint.get("/health/ready", needs=Need.OPEN)
@blueprint.answers(ReadyAnswer, problems=(503,))
def ready() -> dict[str, Any]:
    """The root is there, writable, of a known format, and has space; else 503 with the reason."""
    root = current_root()
    if root.seems_required():
        return _ready_to_anybody(root)
    free_bytes = root.check_ready()
    return answer({"free_bytes": free_bytes, "catalog": root.registry().catalog_state.to_dict()})


def _ready_to_anybody(root: Root) -> dict[str, Any]:
    """Whether it is, and the reason where it is not: neither sizes nor places."""
    try:
        root.check_ready()
        root.registry().admitted("")  # whether the rules of access can be told
    except RegistryError as error:
        told = {name: error.detail[name] for name in ("reason", "retry_after_s") if name in error.detail}
        raise type(error)(f"{error.title}.", **told) from error
    return answer({})


@blueprint.get("/v1/auth/status", needs=Need.OPEN)
@blueprint.answers(AuthStatusAnswer)
def auth_status() -> dict[str, Any]:
    """Whether callers must say who they are: `open`, or `jwt` where they must."""
    settings: Settings = current_app.extensions["settings"]
    is_required = current_root().seems_required()
    mode = "jwt" if is_required else "open"
    return answer({"auth_enabled": is_required, "mode": mode, "iam_url": settings.identity.iam_url})

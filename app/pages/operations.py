"""How the service is: whether it could take a register now, what goes on, and what lies where."""

from __future__ import annotations

from flask import Response, url_for

from registry_core import Action, PermissionDenied, RegistryError, Warned

from ..web.needs import Need
from ..web.root import current_registry, current_root
from .blueprint import blueprint
from .render import page

MOST = 50  # of each that are shown


@blueprint.get("/operations", needs=Need.READ)
def operations() -> Response:
    """The state of the registry; sizes and places for its admins alone."""
    registry = current_registry()
    is_admin = registry.allows(None, None, Action.ADMIN)
    free_bytes, trouble = None, None
    try:
        free_bytes = current_root().check_ready()
    except RegistryError as error:
        trouble = error.message if is_admin else f"{error.title}."
    tasks = registry.list_tasks()
    try:
        operations, uploads = registry.list_operations(MOST), registry.list_uploads(MOST)
    except PermissionDenied:  # nobody knows who looks, so none of them is his
        operations, uploads = Warned(), Warned()
    return page(
        "operations.html",
        trouble=trouble,
        free_bytes=free_bytes if is_admin else None,
        index=registry.catalog_state,
        is_admin=is_admin,
        tasks=sorted(tasks, key=lambda one: -one.bytes),
        bytes_total=sum(one.bytes for one in tasks),
        warnings=[*tasks.warnings, *operations.warnings, *uploads.warnings],
        operations=operations,
        uploads=uploads,
        is_moving=any(one.state == "running" for one in operations),
        json_address=url_for("catalogue.tasks"),
        command="omr tasks",
    )

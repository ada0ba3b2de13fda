"""Proving a version: an operation that a page looks after, and that goes on whether anybody looks or not."""

from __future__ import annotations

from flask import Response, redirect, url_for
from werkzeug.wrappers import Response as Redirect

from registry_core import Action

from ..web import respond_async
from ..web.needs import Need
from ..web.root import current_registry
from . import proving
from .blueprint import blueprint
from .proceeding import asked_for
from .render import page
from .retiring import VERSION


@blueprint.get(f"{VERSION}/verify", needs=Need.READ)
def verify(task: str, model_name: str, version: str) -> Response:
    """How far the operation of the address is, and what came of it; without one what it would do."""
    found = asked_for("verify", task=task, ref=f"{model_name}@{version}")
    if found is None:
        current_registry().show(task, f"{model_name}@{version}")  # there is such a version
    return page(
        "verify.html",
        task=task,
        model_name=model_name,
        version=version,
        operation=found,
        command=proving.verified(task, model_name, version),
    )


@blueprint.post(f"{VERSION}/verify", needs=Need.USE)
def verify_now(task: str, model_name: str, version: str) -> Redirect:
    """Every byte of the version is read, and what comes of it is told where this leads."""
    registry, ref = current_registry(), f"{model_name}@{version}"
    registry.require_may(task, model_name, Action.USE)
    registry.show(task, ref)
    begun = respond_async.begin(
        "verify",
        {"task": task, "ref": ref},
        None,
        lambda progress: registry.verify(task, ref, progress=progress).to_dict(),
    )
    begun_id = begun.operation_id
    return redirect(url_for("pages.verify", task=task, model_name=model_name, version=version, operation=begun_id), 303)

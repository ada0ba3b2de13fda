"""The rules of access, for admins: what holds now or held at a moment, and what it gives somebody."""

from __future__ import annotations

from flask import Response, request, url_for

from registry_core import Action, Event, InvalidInput, ModelRegistry, RegistryError, Trial

from ..web.needs import Need
from ..web.root import governed_registry
from .blueprint import blueprint
from .render import page

ACTIONS = tuple(str(action) for action in Action)


@blueprint.get("/access", needs=Need.ADMIN)
def access() -> Response:
    """The document, and a trial where the address asks for one."""
    registry, asked = governed_registry(), request.args
    as_of = asked.get("as_of") or None
    rules = registry.access_rules(as_of=as_of)
    trial, refused = None, None
    if asked.get("who"):
        try:
            trial = _trial(registry, as_of)
        except InvalidInput as error:
            refused = error.message
    return page(
        "access.html",
        rules=rules,
        document=rules.document or {},
        set_by=_set_by(registry, rules.seq),
        caller=registry.whoami(),
        actions=ACTIONS,
        asked=asked,
        trial=trial,
        refused=refused,
        json_address=url_for("access.access_rules", as_of=as_of),
        command="omr access show",
    )


def _trial(registry: ModelRegistry, as_of: str | None) -> Trial:
    asked = request.args
    task, _, model_name = asked.get("model", "").partition("/")
    return registry.try_access_rules(
        asked["who"].strip(), asked.get("action", ""), task, model_name, asked.get("alias") or None, as_of=as_of
    )


def _set_by(registry: ModelRegistry, seq: int) -> Event | None:
    """Who set what holds, when and why."""
    if not seq:
        return None
    try:
        return next(iter(registry.registry_history(after=seq - 1, limit=1).events), None)
    except RegistryError:
        return None

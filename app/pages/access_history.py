"""Who has changed rules of access, trust, policies and tokens, when and why: the registry's own journal, for admins."""

from __future__ import annotations

from itertools import groupby

from flask import Response, request

from registry_core import InvalidParameter, JournalCorrupt, ModelRegistry

from ..web.needs import Need
from ..web.root import governed_registry
from .blueprint import blueprint
from .history import EVENTS, Proof, month_of
from .render import page

OF_RULES = ("access", "token", "trust", "policy", "repair")
KINDS = (*OF_RULES, "checkpoint")


@blueprint.get("/access/history", needs=Need.ADMIN)
def access_history() -> Response:
    """The events that are asked for, newest first; checkpoints, which are many, only by their name.

    Raises ``PermissionDenied``, ``InvalidParameter``.
    """
    registry, asked = governed_registry(), {}
    event, before = request.args.get("event", ""), request.args.get("before") or None
    if event and event not in KINDS:
        raise InvalidParameter(f"event is one of {', '.join(KINDS)}.", field="event")
    if event:
        asked["event"] = event
    found = registry.registry_newest([event] if event else OF_RULES, before=before, limit=EVENTS)
    return page(
        "access_history.html",
        asked=asked,
        months=[(month, list(of_it)) for month, of_it in groupby(found.events, key=month_of)],
        shown=found.events,
        following=found.next,
        is_first=before is None,
        proof=_proof(registry) if "proof" in request.args else None,
        command="omr history",
    )


def _proof(registry: ModelRegistry) -> Proof:
    try:
        return Proof(registry.registry_audit_verify(), None)
    except JournalCorrupt as error:
        return Proof(None, error.message)

"""A long call that a page has begun: its address names the operation, so that the page can be opened again."""

from __future__ import annotations

from flask import request

from registry_core import Action, ModelRegistry, Operation, OperationFacts, OperationNotFound

from ..web.root import current_registry

MOST_OPERATIONS = 10  # among which the last proof is looked for


def asked_for(verb: str, **about: str) -> Operation | None:
    """The operation that the address names; None where it names none that is known still and does just that.

    Whoever makes an address may put any operation into it: a page that tells of a version shows no other's.
    """
    try:
        return current_registry().operation(request.args.get("operation", ""), of={"verb": verb, **about})
    except OperationNotFound:
        return None


def last_verified(registry: ModelRegistry, task: str, ref: str) -> OperationFacts | None:
    """Its last proof among the newest operations; None where there is none, or the caller sees not all of them."""
    if not registry.allows(None, None, Action.ADMIN):
        return None
    about = {"task": task, "ref": ref}
    newest = registry.list_operations(MOST_OPERATIONS)
    return next((one for one in newest if one.verb == "verify" and about.items() <= one.about.items()), None)

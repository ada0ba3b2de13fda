"""A long call that a page has begun: its address names the operation, so that the page can be opened again."""

from __future__ import annotations

from flask import request

from registry_core import Operation, OperationNotFound

from ..web.root import current_registry


def asked_for(verb: str, **about: str) -> Operation | None:
    """The operation that the address names; None where it names none that is known still and does just that.

    Whoever makes an address may put any operation into it: a page that tells of a version shows no other's.
    """
    try:
        return current_registry().operation(request.args.get("operation", ""), of={"verb": verb, **about})
    except OperationNotFound:
        return None

"""A long call that a page has begun: its address names the operation, so that the page can be opened again."""

from __future__ import annotations

from flask import request

from registry_core import Operation, OperationNotFound

from ..web.root import current_registry


def asked_for() -> Operation | None:
    """The operation that the address names; None where it names none that is known still."""
    try:
        return current_registry().operation(request.args.get("operation", ""))
    except OperationNotFound:
        return None

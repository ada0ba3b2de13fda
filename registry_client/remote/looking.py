"""The verbs for whoever looks, over HTTP: what was, what is gone, and what is under way."""

from __future__ import annotations

from registry_core import VerbsOfLooking

from .calls import call
from .connection import Connected


class Looking(Connected):
    """They change nothing, and are sent again after failures in passing."""

    list_deleted = call(VerbsOfLooking.list_deleted, "GET", "/v1/versions/deleted", within="deleted")
    list_operations = call(VerbsOfLooking.list_operations, "GET", "/v1/operations", within="operations")
    list_uploads = call(VerbsOfLooking.list_uploads, "GET", "/v1/uploads", within="uploads")
    alias_spans = call(VerbsOfLooking.alias_spans, "GET", "/v1/aliases/spans")

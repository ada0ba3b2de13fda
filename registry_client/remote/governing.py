"""The verbs that govern, over HTTP: the method and the path of each. ``Verbs`` says what it takes and guarantees."""

from __future__ import annotations

from registry_core import Verbs

from .calls import call
from .connection import Connected


class Governing(Connected):
    """Sent again only where the registry says that nothing was changed, or was never reached."""

    promote = call(Verbs.promote, "POST", "/v1/promote", no_null=("override",))
    unalias = call(Verbs.unalias, "DELETE", "/v1/aliases")
    rollback = call(Verbs.rollback, "POST", "/v1/rollback", no_null=("override",))
    tag = call(Verbs.tag, "PUT", "/v1/tags")
    patch = call(Verbs.patch, "POST", "/v1/versions/patch", no_null=("tags",))
    stage = call(Verbs.stage, "POST", "/v1/stage")
    delete = call(Verbs.delete, "DELETE", "/v1/versions")
    restore = call(Verbs.restore, "POST", "/v1/versions/restore", patient=True)
    audit_verify = call(Verbs.audit_verify, "GET", "/v1/audit/verify")

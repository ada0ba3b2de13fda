"""``ownership.json`` of a model: as older software wrote it, with the ``seq`` of its event beside that."""

from __future__ import annotations

from typing import Any

from ..format.chain import Line
from ..format.layout import ModelKeys
from ..vocabulary.owners import LEGACY_UNOWNED, UNOWNED, Ownership, Status, owned_by
from ..vocabulary.texts import is_unicode
from .journal import OWNER, Event
from .projections import Fields, Projection, is_about

SCHEMA = 1


def projection(keys: ModelKeys, event: Event) -> Projection:
    """The document after an event that names an owner."""
    new = document(keys, event["owner"], event.get("actor"), event.get("ts_utc"))
    return Projection(keys.ownership, event["seq"], "ownership.json does not say whose it is yet", lambda _: new)


def document(keys: ModelKeys, org: str | None, actor: Any, when: Any) -> dict[str, Any]:
    """What is kept of an owner, whom ``actor`` has named then; None: nobody owns the model."""
    return {
        "schema_version": SCHEMA,
        **keys.names,
        "organization_id": org,
        "status": str(owned_by(org).status),
        "registered_by": actor,
        "registered_at": when,
        "discovered_at": None,
        "note": None,
    }


def understood(keys: ModelKeys, fields: Fields) -> Ownership | None:
    """What a document of this schema says; None of any other."""
    status, org = fields.get("status"), fields.get("organization_id")
    if fields.get("schema_version") != SCHEMA or not is_about(fields, keys.names):
        return None
    if status == Status.OWNED and isinstance(org, int | str) and not isinstance(org, bool) and str(org):
        return owned_by(str(org)) if is_unicode(str(org)) else None
    if org is not None:
        return None
    return next((one for one in (UNOWNED, LEGACY_UNOWNED) if one.status == status), None)


def after(line: Line) -> Ownership:
    """Whose the model is after an event that names an owner."""
    owner = line.get(OWNER)
    return owned_by(owner) if owner is None or isinstance(owner, str) else LEGACY_UNOWNED

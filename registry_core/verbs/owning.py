"""Whose a model is, changed: by an admin, or where nobody can tell by whoever may resolve that."""

from __future__ import annotations

from dataclasses import dataclass

from ..format.events import OWN
from ..format.layout import ModelKeys
from ..models import owners
from ..models.changes import Committed, Draft, change
from ..models.model import ModelStore
from ..vocabulary.access import ModelOwner
from ..vocabulary.errors import InvalidParameter, ModelNotFound
from ..vocabulary.owners import Status, owned_by
from ..vocabulary.texts import check_words, has_control, is_unicode

MAX_CHARACTERS = 255


@dataclass(frozen=True)
class SeenOwner:
    """What a change of the owner looks at."""

    model: ModelKeys
    seen: owners.Seen


@dataclass(frozen=True)
class Request:
    """Whose the model shall be; None: nobody's."""

    org: str | None
    actor: str | None
    reason: str | None


def own(model: ModelStore, org: str | None, *, actor: str | None, reason: str | None) -> ModelOwner:
    """The model is the organization's, or nobody's, whosever it was; nothing is written where events say so already.

    Raises ``ModelNotFound``, ``InvalidParameter``, ``StorageError``.
    """
    check_words(actor, reason)
    request = Request(_checked(org), actor, reason)
    return _done(change(model, lambda: look(model), lambda seen: decide(seen, request)), request)


def look(model: ModelStore) -> SeenOwner:
    return SeenOwner(model.keys, owners.look(model))


def decide(seen: SeenOwner, request: Request) -> Draft | ModelOwner:
    now = seen.seen
    if now.ownership.status is Status.NOT_THERE:
        raise ModelNotFound(f"There is no model {seen.model.title}.", **seen.model.names)
    if now.seq is not None and now.ownership == owned_by(request.org):
        return _said(seen.model, request.org, now.seq)
    return Draft(OWN, None, request.actor, request.reason, own={"owner": request.org})


def _done(done: Committed[SeenOwner] | ModelOwner, request: Request) -> ModelOwner:
    return done if isinstance(done, ModelOwner) else _said(done.seen.model, request.org, done.event["seq"])


def _said(keys: ModelKeys, org: str | None, seq: int | None) -> ModelOwner:
    return ModelOwner(**keys.names, organization_id=org, status=str(owned_by(org).status), seq=seq)


def _checked(org: str | None) -> str | None:
    if org is None:
        return None
    if not isinstance(org, str) or not 0 < len(org) <= MAX_CHARACTERS or has_control(org) or not is_unicode(org):
        raise InvalidParameter(
            f"An organization is a text of 1 to {MAX_CHARACTERS} characters, without control characters.",
            field="organization_id",
        )
    return org

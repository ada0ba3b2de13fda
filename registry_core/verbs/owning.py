"""Whose a model is, changed: by an admin, or where nobody can tell by whoever may resolve that."""

from __future__ import annotations

from dataclasses import dataclass

from ..format.events import OWN
from ..format.layout import ModelKeys
from ..models import owners
from ..models.changes import Committed, Draft, change
from ..models.model import ModelStore
from ..vocabulary.access import ModelOwner, ResolvedOwner
from ..vocabulary.errors import InvalidParameter, ModelNotFound, RegistryError
from ..vocabulary.owners import LEGACY_UNOWNED, Status, owned_by
from ..vocabulary.texts import check_words, has_control, is_unicode

MAX_CHARACTERS = 255


@dataclass(frozen=True)
class SeenOwner:
    """What a change of the owner looks at."""

    model: ModelKeys
    seen: owners.Seen


@dataclass(frozen=True)
class Request:
    """Whose the model shall be; None: nobody's. ``refusal``: what is told of a model that is none to resolve."""

    org: str | None
    actor: str | None
    reason: str | None
    refusal: RegistryError | None = None


def own(model: ModelStore, org: str | None, *, actor: str | None, reason: str | None) -> ModelOwner:
    """The model is the organization's, or nobody's, whosever it was; nothing is written where events say so already.

    Raises ``ModelNotFound``, ``InvalidParameter``, ``StorageError``.
    """
    check_words(actor, reason)
    request = Request(_checked(org), actor, reason)
    return _done(change(model, lambda: look(model), lambda seen: decide(seen, request)), request)


def resolve(
    model: ModelStore, org: str | None, *, refusal: RegistryError | None, actor: str | None, reason: str | None
) -> ResolvedOwner:
    """The model, of which nobody could tell whose it is, is the organization's; so it is said of one that is already.

    ``refusal``: what is raised of every other model, there or not; None: what it is, for an admin. Raises
    ``InvalidParameter``, ``StorageError``.
    """
    check_words(actor, reason)
    if org is None:
        raise InvalidParameter(
            "You are of no organization, so no model can be made yours. 'omr access own' makes it anybody's.",
            field="organization_id",
        )
    request = Request(_checked(org), actor, reason, refusal)
    done = change(model, lambda: look(model), lambda seen: decide_resolve(seen, request))
    if isinstance(done, ResolvedOwner):
        return done
    return ResolvedOwner(**vars(_done(done, request)), already_resolved=False)


def decide_resolve(seen: SeenOwner, request: Request) -> Draft | ResolvedOwner:
    now = seen.seen
    if now.ownership == owned_by(request.org):
        return ResolvedOwner(**vars(_said(seen.model, request.org, now.seq)), already_resolved=True)
    if now.ownership == LEGACY_UNOWNED:
        return Draft(OWN, None, request.actor, request.reason, own={"owner": request.org})
    if request.refusal is not None:
        raise request.refusal
    if now.ownership.status is Status.NOT_THERE:
        raise _not_there(seen.model)
    raise InvalidParameter(
        f"It is known whose {seen.model.title} is ({now.ownership}). 'omr access own' changes that.", field="model_name"
    )


def look(model: ModelStore) -> SeenOwner:
    return SeenOwner(model.keys, owners.look(model))


def decide(seen: SeenOwner, request: Request) -> Draft | ModelOwner:
    now = seen.seen
    if now.ownership.status is Status.NOT_THERE:
        raise _not_there(seen.model)
    if now.seq is not None and now.ownership == owned_by(request.org):
        return _said(seen.model, request.org, now.seq)
    return Draft(OWN, None, request.actor, request.reason, own={"owner": request.org})


def _done(done: Committed[SeenOwner] | ModelOwner, request: Request) -> ModelOwner:
    return done if isinstance(done, ModelOwner) else _said(done.seen.model, request.org, done.event["seq"])


def _said(keys: ModelKeys, org: str | None, seq: int | None) -> ModelOwner:
    return ModelOwner(**keys.names, organization_id=org, status=str(owned_by(org).status), seq=seq)


def _not_there(keys: ModelKeys) -> ModelNotFound:
    return ModelNotFound(f"There is no model {keys.title}.", **keys.names)


def _checked(org: str | None) -> str | None:
    if org is None:
        return None
    if not isinstance(org, str) or not 0 < len(org) <= MAX_CHARACTERS or has_control(org) or not is_unicode(org):
        raise InvalidParameter(
            f"An organization is a text of 1 to {MAX_CHARACTERS} characters, without control characters.",
            field="organization_id",
        )
    return org

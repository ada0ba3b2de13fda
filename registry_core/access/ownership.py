"""Whether a rule that looks at a model's owner counts for the model."""

from __future__ import annotations

from enum import StrEnum

from ..vocabulary.owners import Ownership, Status
from .principal import Principal


class Owner(StrEnum):
    """For which models a rule counts."""

    OWN = "own"
    OWN_OR_UNOWNED = "own-or-unowned"
    ANY = "any"


def counts(owner: Owner, ownership: Ownership, principal: Principal) -> bool:
    """Whether a rule with that ``owner`` counts for such a model and the principal.

    A model that nobody owns counts for those without an organization only, a name that no model has for all: so
    whoever may write can make it.
    """
    if owner is Owner.ANY:
        return True
    if ownership.status is Status.OWNED:
        return ownership.org is not None and ownership.org == principal.org
    if owner is Owner.OWN:
        return False
    return ownership.status is Status.NOT_THERE or (ownership.status is Status.UNOWNED and principal.org is None)

"""Whose a model is, and whether a rule that looks at that counts for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .principal import Principal


class Status(StrEnum):
    """What is known of a model's owner."""

    OWNED = "owned"
    UNOWNED = "unowned"
    LEGACY_UNOWNED = "legacy_unowned"  # of the time before owners, until somebody has resolved it
    NOT_THERE = "not_there"  # no model has the name


@dataclass(frozen=True)
class Ownership:
    """``org`` owns the model where its status is owned."""

    status: Status = Status.UNOWNED
    org: str | None = None


UNOWNED = Ownership()
NOT_THERE = Ownership(Status.NOT_THERE)


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

"""Whose a model is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Status(StrEnum):
    """What is known of a model's owner."""

    OWNED = "owned"
    UNOWNED = "unowned"
    LEGACY_UNOWNED = "legacy_unowned"  # of the time before owners, or nobody can tell any more
    NOT_THERE = "not_there"  # no model has the name


@dataclass(frozen=True)
class Ownership:
    """``org`` owns the model where its status is owned."""

    status: Status = Status.UNOWNED
    org: str | None = None

    def __str__(self) -> str:
        return str(self.status) if self.org is None else f"{self.status} {self.org}"


@lru_cache(4096)
def parse(text: str) -> Ownership:
    """What wrote itself so."""
    status, _, org = text.partition(" ")
    return Ownership(Status(status), org or None)


UNOWNED = Ownership()
LEGACY_UNOWNED = Ownership(Status.LEGACY_UNOWNED)
NOT_THERE = Ownership(Status.NOT_THERE)


def owned_by(org: str | None) -> Ownership:
    """The ownership of a model whose owner is known; None: nobody."""
    return UNOWNED if org is None else Ownership(Status.OWNED, org)

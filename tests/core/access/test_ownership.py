"""For which models a rule counts that looks at their owners."""

from __future__ import annotations

import pytest

from registry_core.access.ownership import Owner, counts
from registry_core.access.principal import Kind, Principal
from registry_core.vocabulary.owners import NOT_THERE, UNOWNED, Ownership, Status

OURS, THEIRS = Ownership(Status.OWNED, "7"), Ownership(Status.OWNED, "8")
LEGACY = Ownership(Status.LEGACY_UNOWNED)
ALL = [OURS, THEIRS, UNOWNED, LEGACY, NOT_THERE]
OF_7, OF_NONE = Principal(Kind.USER, org="7"), Principal(Kind.USER)


@pytest.mark.parametrize(
    ("owner", "principal", "counted"),
    [
        (Owner.OWN, OF_7, [OURS]),
        (Owner.OWN, OF_NONE, []),
        (Owner.OWN_OR_UNOWNED, OF_7, [OURS, NOT_THERE]),
        (Owner.OWN_OR_UNOWNED, OF_NONE, [UNOWNED, NOT_THERE]),
        (Owner.ANY, OF_7, ALL),
        (Owner.ANY, OF_NONE, ALL),
    ],
)
def test_which_models_count(owner: Owner, principal: Principal, counted: list[Ownership]) -> None:
    assert [one for one in ALL if counts(owner, one, principal)] == counted


def test_an_owner_that_nobody_knows_is_nobodys() -> None:
    assert not counts(Owner.OWN_OR_UNOWNED, Ownership(Status.OWNED, None), OF_NONE)

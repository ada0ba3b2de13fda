"""Which role may do what, as the table in docs/access.md says."""

from __future__ import annotations

import pytest

from registry_core.access.roles import Action, Role, at_least, gives

MAY = {
    Role.VIEWER: {Action.READ},
    Role.USER: {Action.READ, Action.USE},
    Role.PUBLISHER: {Action.READ, Action.USE, Action.WRITE, Action.PROMOTE},
    Role.APPROVER: {Action.READ, Action.USE, Action.WRITE, Action.PROMOTE},
    Role.MAINTAINER: {Action.READ, Action.USE, Action.WRITE, Action.PROMOTE, Action.DELETE},
    Role.ADMIN: set(Action),
}
APPROVE = {Role.APPROVER, Role.MAINTAINER, Role.ADMIN}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_what_each_role_may(role: Role, action: Action) -> None:
    assert gives(role, action) is (action in MAY[role])
    approves = action is not Action.PROMOTE or role in APPROVE
    assert gives(role, action, is_protected=True) is (action in MAY[role] and approves)


def test_a_later_role_may_all_that_an_earlier_one_may() -> None:
    roles = list(Role)
    for number, role in enumerate(roles):
        assert all(MAY[before] <= MAY[role] for before in roles[:number])
        assert [at_least(role, one) for one in roles] == [place <= number for place in range(len(roles))]


def test_what_is_no_action_nobody_may() -> None:
    assert not gives(Role.ADMIN, "everything")  # type: ignore[arg-type]


def test_the_name_of_an_action_is_no_way_around_protection() -> None:
    assert not gives(Role.PUBLISHER, "promote", is_protected=True)  # type: ignore[arg-type]

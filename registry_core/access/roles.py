"""What can be done to a model, and which role may do it. A role may do all that those before it may."""

from __future__ import annotations

from enum import StrEnum, auto


class Action(StrEnum):
    """What a verb needs to be allowed."""

    READ = auto()
    USE = auto()
    WRITE = auto()
    PROMOTE = auto()
    DELETE = auto()
    ADMIN = auto()


class Role(StrEnum):
    """What a rule gives, from the least to the most."""

    VIEWER = "viewer"
    USER = "user"
    PUBLISHER = "publisher"
    APPROVER = "approver"
    MAINTAINER = "maintainer"
    ADMIN = "admin"


_RANKS = {role: rank for rank, role in enumerate(Role)}
_LEAST = {
    Action.READ: Role.VIEWER,
    Action.USE: Role.USER,
    Action.WRITE: Role.PUBLISHER,
    Action.PROMOTE: Role.PUBLISHER,
    Action.DELETE: Role.MAINTAINER,
    Action.ADMIN: Role.ADMIN,
}


def at_least(role: Role, least: Role) -> bool:
    """Whether the role may do all that ``least`` may."""
    return _RANKS[role] >= _RANKS[least]


def gives(role: Role, action: Action, *, is_protected: bool = False) -> bool:
    """Whether the role may do it; what ``is_protected`` only who approves may promote. An unknown action nobody may."""
    return action in _LEAST and at_least(role, least_for(action, is_protected=is_protected))


def least_for(action: Action, *, is_protected: bool = False) -> Role:
    """The least role that may do it; only who approves may promote what ``is_protected``."""
    return Role.APPROVER if action == Action.PROMOTE and is_protected else _LEAST.get(action, Role.ADMIN)

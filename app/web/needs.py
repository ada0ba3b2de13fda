"""What each route needs of whoever calls: a word at its address, without which the service does not start."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from werkzeug.routing import Rule


class Need(StrEnum):
    """The least that a call of the route takes; the verb behind it asks for the model that is meant, and may want more.

    What is ``OPEN`` says nothing of the registry, and nobody is asked who he is; at a ``KNOWN`` one everybody is, and
    is told of himself. The others are the actions of the registry.
    """

    OPEN = "open"
    KNOWN = "known"
    READ = "read"
    USE = "use"
    WRITE = "write"
    PROMOTE = "promote"
    DELETE = "delete"
    ADMIN = "admin"

    @property
    def is_of_somebody(self) -> bool:
        """Whether no rule can give it to everybody, so that whoever has not said who he is may never do it."""
        return self in _CHANGES


_CHANGES = {Need.WRITE, Need.PROMOTE, Need.DELETE, Need.ADMIN}


def say(app: Flask, endpoint: str, need: Need) -> None:
    """The routes of the endpoint need that."""
    _all(app)[endpoint] = need


def needs_of(app: Flask) -> Mapping[str, Need]:
    """endpoint -> what its routes need."""
    return _all(app)


def check(app: Flask) -> None:
    """Every route says what it needs. Raises ``LookupError``, which names those that do not."""
    silent = [rule for rule in app.url_map.iter_rules() if rule.endpoint not in _all(app)]
    if silent:
        words = ", ".join(f"Need.{need.name}" for need in Need)
        raise LookupError(
            "Who may call it is not said of "
            + "; ".join(map(_named, silent))
            + f". Write needs=... at its route, as in @blueprint.get(PATH, needs=Need.READ): one of {words} "
            "(app/web/needs.py). Nothing is served before that."
        )


def _named(rule: Rule) -> str:
    methods = " ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"} or rule.methods or set()))
    return f"{methods} {rule.rule} ({rule.endpoint})"


def _all(app: Flask) -> dict[str, Need]:
    needs: dict[str, Need] = app.extensions.setdefault("needs", {})
    return needs

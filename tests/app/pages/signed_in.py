"""A registry that asks who calls, and persons who have signed in at its pages."""

from __future__ import annotations

from app import create_app
from app.config import Settings
from registry_core import ModelRegistry

from .visiting import OURS, Visitor

RULES = {
    "schema": "omr-access/1",
    "protected_aliases": ["production"],
    "rules": [
        {"who": ["token:reader"], "on": ["celltype/*"], "role": "viewer"},
        {"who": ["token:ci"], "on": ["celltype/*"], "role": "publisher", "aliases": ["latest"]},
    ],
    "admins": ["token:ops"],
    "blocked": ["token:gone"],
}


def required(registry: ModelRegistry) -> None:
    """From now on whoever calls is asked who that is."""
    registry.set_access_rules(RULES, actor="the operator", reason="the first rules")


def signed_in(registry: ModelRegistry, name: str, **settings: object) -> Visitor:
    """The service of that token's name, with a session of a browser."""
    token = registry.create_token("service", name).token
    visit = Visitor(create_app(Settings(threads=8, **settings), registry).test_client())  # type: ignore[arg-type]
    done = visit.client.post("/v1/auth/login", data={"token": token}, headers=OURS)
    assert done.status_code == 303, done.text
    return visit

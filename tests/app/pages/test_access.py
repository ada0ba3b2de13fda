"""The page of the rules: what holds, who set it, and what it would give somebody; for admins alone."""

from __future__ import annotations

import pytest

from registry_core import ModelRegistry

from .signed_in import RULES, required, signed_in
from .visiting import Visitor

PROMOTE = "/ui/access?who=token:ci&action=promote&model=celltype/human_pbmc&alias="


@pytest.fixture(autouse=True)
def _required(registry: ModelRegistry) -> None:
    required(registry)


def test_an_admin_sees_what_holds_and_who_set_it(registry: ModelRegistry) -> None:
    words = signed_in(registry, "ops").get("/ui/access").words
    for said in ("token:reader", "celltype/*", "publisher", "token:gone", "the operator", "the first rules"):
        assert said in words


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"{PROMOTE}latest", "Yes: token:ci may promote on celltype/human_pbmc By rule 1."),
        (f"{PROMOTE}production", "No: token:ci may not promote on celltype/human_pbmc No rule gives it."),
        (PROMOTE.replace("token:ci", "token:ops"), "They are an admin."),
        (PROMOTE.replace("token:ci", "token:gone"), "They are blocked, whatever the rules say."),
        (PROMOTE.replace("promote", "dance"), "That cannot be tried"),
        (PROMOTE.replace("token:ci", "somebody"), "That cannot be tried"),
        (PROMOTE.replace("/human_pbmc", ""), "That cannot be tried"),
    ],
)
def test_what_the_rules_give_somebody_is_tried(registry: ModelRegistry, address: str, said: str) -> None:
    assert said in signed_in(registry, "ops").get(address).words


def test_what_held_at_a_moment(registry: ModelRegistry) -> None:
    visit = signed_in(registry, "ops")
    (event,) = registry.registry_history(event="access").events
    registry.set_access_rules({**RULES, "rules": []}, actor="the operator", reason="nobody any more")
    assert "There is no rule" in visit.get("/ui/access").words
    assert "token:reader" in visit.get(f"/ui/access?as_of={event.ts_utc}").words
    visit.get("/ui/access?as_of=yesterday", 422)


def test_nobody_else_sees_them(registry: ModelRegistry, visit: Visitor) -> None:
    signed_in(registry, "ci").get("/ui/access", 403)
    visit.get("/ui/access", 401)

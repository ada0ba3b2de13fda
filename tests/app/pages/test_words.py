"""Who says something: whoever has signed in, or whoever writes a name where nobody signs in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import IdentitySettings
from registry_core import ModelRegistry

from .a_model import MODEL, PAGE, TASK, register
from .visiting import OURS, Page, Visitor

RULES = {
    "schema": "omr-access/1",
    "protected_aliases": ["production"],
    "rules": [
        {"who": ["token:reader"], "on": ["*/*"], "role": "user"},
        {"who": ["token:publisher"], "on": ["*/*"], "role": "publisher"},
        {"who": ["token:approver"], "on": ["*/*"], "role": "approver"},
        {"who": ["token:keeper"], "on": ["*/*"], "role": "maintainer"},
    ],
    "admins": [],
    "blocked": [],
}
MOVE = "Move production from 1.0.0 to 2.0.0"


@pytest.fixture
def signed_in(visiting: Callable[..., Visitor], registry: ModelRegistry, tmp_path: Path) -> Callable[[str], Visitor]:
    """A person at the pages who has signed in with the token of that name."""
    register(registry, tmp_path)
    registry.promote(TASK, MODEL, "production", "1.0.0", actor="grace")
    registry.set_access_rules(RULES, expected_seq=0)

    def sign_in(name: str) -> Visitor:
        visit = visiting(identity=IdentitySettings("required"))
        token = registry.create_token("service", name).token
        answer = visit.client.post("/v1/auth/login", data={"token": token, "next": "/ui/"}, headers=OURS)
        assert answer.status_code == 303
        return visit

    return sign_in


def test_whoever_has_signed_in_is_not_asked_who_it_is(
    signed_in: Callable[[str], Visitor], registry: ModelRegistry
) -> None:
    visit = signed_in("approver")
    page = visit.get(f"{PAGE}/promote")
    assert "Who are you?" not in page.words
    answer = visit.press(page, MOVE, reason="better", who="somebody else")
    assert "Set-Cookie" not in answer.headers
    event = registry.history(TASK, MODEL).events[-1]
    assert (event.version, event.actor, event.claimed_actor) == ("2.0.0", "approver", None)


def test_a_form_without_its_token_changes_nothing(signed_in: Callable[[str], Visitor], registry: ModelRegistry) -> None:
    visit = signed_in("approver")
    form = visit.get(f"{PAGE}/promote").form(MOVE)
    fields = {name: value for name, value in form.fields.items() if name != "form_token"}
    visit.post(form.action, 403, **{**fields, "reason": "x"})
    assert registry.history(TASK, MODEL).events[-1].seq == 4


@pytest.mark.parametrize(
    ("who", "path", "may"),
    [
        ("reader", "promote?alias=candidate", False),
        ("reader", "promote", False),
        ("publisher", "promote?alias=candidate", True),
        ("publisher", "promote", False),
        ("approver", "promote", True),
        ("publisher", "unalias", False),
        ("publisher", "versions/1.1.0/archive", False),
        ("approver", "versions/1.1.0/archive", True),
        ("approver", "versions/1.1.0/unarchive", True),
        ("approver", "versions/1.1.0/delete", False),
        ("keeper", "versions/1.1.0/delete", True),
        ("reader", "versions/1.1.0/describe", False),
        ("publisher", "versions/1.1.0/describe", True),
    ],
)
def test_whoever_may_not_has_no_button_and_is_refused(
    signed_in: Callable[[str], Visitor], registry: ModelRegistry, who: str, path: str, may: bool
) -> None:
    visit = signed_in(who)
    page = visit.get(f"{PAGE}/{path}")
    forms = [form for form in page.forms if "reason" in form.fields]
    assert bool(forms) == may
    if not may:
        assert "You may look at this, and not do it." in page.words
        fields = {"alias": "candidate" if "candidate" in path else "production", "version": "2.0.0", "reason": "x"}
        fields |= {"typed_version": "1.1.0", "description": "x", "was": ""}
        fields |= {"expected_version": "", "expected_seq": ""} if "candidate" in path else {}
        fields |= {"expected_version": "1.0.0", "expected_seq": "4"} if "candidate" not in path else {}
        token = visit.client.get("/ui/", headers=OURS).headers["X-Form-Token"]
        answer = visit.client.post(f"{PAGE}/{path}", data={**fields, "form_token": token}, headers=OURS)
        assert answer.status_code == 403, Page(answer.text).words
        assert "permission_denied" in answer.text
        assert registry.history(TASK, MODEL).events[-1].seq == 4


def test_whoever_has_not_signed_in_is_asked_to(
    signed_in: Callable[[str], Visitor], visiting: Callable[..., Visitor]
) -> None:
    signed_in("keeper")
    stranger = visiting(identity=IdentitySettings("required"))
    assert "Say who you are" in stranger.get(f"{PAGE}/promote", 401).words
    stranger.post(f"{PAGE}/promote", 401, reason="x")
    stranger.get("/ui/upload", 401)

"""The page of tokens: one's own are shown and ended there, and a new one is seen once."""

from __future__ import annotations

import re

import pytest

from registry_core import ModelRegistry

from .signed_in import required, signed_in
from .visiting import BROWSER, Visitor

TOKEN = re.compile(r"omr_[0-9a-f]{16}_[0-9a-f]+")


@pytest.fixture(autouse=True)
def _required(registry: ModelRegistry) -> None:
    required(registry)


def test_a_token_is_made_and_seen_once(registry: ModelRegistry) -> None:
    visit = signed_in(registry, "ops")
    shown = visit.get("/ui/tokens")
    made = visit.press(
        shown,
        "Make the token",
        201,
        kind="service",
        name="nightly",
        role="publisher",
        on="celltype/*, spatial/*",
        days="30",
        reason="x",
    )
    (text,) = set(TOKEN.findall(made.text))
    assert made.headers["Cache-Control"] == "no-store"
    admitted = registry.admitted(text)
    assert admitted is not None
    assert admitted.name == "nightly"
    (found,) = [token for token in registry.list_tokens() if token.name == "nightly"]
    assert (found.role, found.on) == ("publisher", ["celltype/*", "spatial/*"])
    again = visit.get("/ui/tokens")
    assert "nightly" in again.words
    assert not TOKEN.search(again.text)


@pytest.mark.parametrize(
    ("typed", "status"), [({"name": "two words"}, 422), ({"name": "ops"}, 409), ({"name": "a", "days": "x"}, 422)]
)
def test_what_was_typed_stays_where_no_token_was_made(
    registry: ModelRegistry, typed: dict[str, str], status: int
) -> None:
    visit = signed_in(registry, "ops")
    before = registry.list_tokens()
    refused = visit.press(
        visit.get("/ui/tokens"), "Make the token", status, kind="service", reason="for the nights", **typed
    )
    assert "No token was made" in refused.text
    assert f'value="{typed["name"]}"' in refused.text
    assert 'value="for the nights"' in refused.text
    assert registry.list_tokens() == before


def test_a_token_is_ended(registry: ModelRegistry) -> None:
    visit = signed_in(registry, "ops")
    text = registry.create_token("service", "lost").token
    done = visit.press(visit.get("/ui/tokens"), "Revoke lost", reason="left in a train")
    assert "counts no longer" in visit.follow(done).words
    assert registry.admitted(text) is None
    (event,) = registry.registry_history(event="token", limit=100).events[-1:]
    assert (event.actor, event.reason) == ("ops", "left in a train")


def test_whoever_is_no_admin_sees_and_makes_none_of_others(registry: ModelRegistry) -> None:
    registry.create_token("service", "of-others")
    visit = signed_in(registry, "ci")
    shown = visit.get("/ui/tokens")
    assert "of-others" not in shown.text
    assert "Make the token" not in shown.words
    others = [token.id for token in registry.list_tokens() if token.name == "of-others"]
    visit.post(f"/ui/tokens/{others[0]}/revoke", 403)  # without the form token of the session
    form_token = visit.client.get("/ui/tokens", headers=BROWSER).headers["X-Form-Token"]
    visit.post(f"/ui/tokens/{others[0]}/revoke", 404, form_token=form_token)
    visit.post("/ui/tokens", 403, form_token=form_token, kind="service", name="sly", days="30")
    assert {token.name for token in registry.list_tokens()} == {"of-others", "ci"}


def test_pages_that_only_show_make_and_end_none(registry: ModelRegistry) -> None:
    visit = signed_in(registry, "ops", ui="readonly")
    shown = visit.get("/ui/tokens")
    assert [form.action for form in shown.forms if form.action.startswith("/ui/tokens")] == []
    form_token = visit.client.get("/ui/tokens", headers=BROWSER).headers["X-Form-Token"]
    visit.post("/ui/tokens", 403, form_token=form_token, kind="service", name="sly", days="30")
    assert [token.name for token in registry.list_tokens()] == ["ops"]


def test_whoever_has_not_signed_in_is_asked_to(registry: ModelRegistry, visit: Visitor) -> None:
    shown = visit.get("/ui/tokens", 401)
    assert "/v1/auth/login?next=/ui/tokens" in shown.links

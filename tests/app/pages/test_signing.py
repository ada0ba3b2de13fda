"""Signing in and out at pages that look like the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry_core import ModelRegistry

from .signed_in import required, signed_in
from .visiting import BROWSER, Visitor


@pytest.fixture(autouse=True)
def _required(registry: ModelRegistry) -> None:
    required(registry)


def test_a_token_is_pasted_and_leads_to_the_home_page(registry: ModelRegistry, visit: Visitor) -> None:
    token = registry.create_token("service", "ops").token
    page = visit.get("/v1/auth/login")
    done = visit.press(page, "Sign in", token=token)
    assert done.headers["Location"] == "/ui/"
    assert "Sign out" in visit.follow(done).words
    assert "You are signed in as ops." in visit.get("/v1/auth/login").words


def test_a_wrong_token_is_told_on_the_page_itself(visit: Visitor) -> None:
    page = visit.get("/v1/auth/login?next=/ui/tokens")
    refused = visit.press(page, "Sign in", 401, token="omr_wrong")
    assert refused.mimetype == "text/html"
    assert "script-src" not in refused.headers["Content-Security-Policy"]
    assert "<script" not in refused.text
    assert 'value="/ui/tokens"' in refused.text
    assert "omr_wrong" not in refused.text
    answer = visit.client.post("/v1/auth/login", data={"token": "omr_wrong"})
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")


def test_whoever_signs_out_is_nobody(registry: ModelRegistry) -> None:
    visit = signed_in(registry, "ops")
    assert "ops" in visit.get("/ui/").words
    out = visit.press(visit.get("/ui/"), "Sign out", 200)
    assert "Signed out" in out.text
    assert "ops" not in visit.get("/ui/").words.split()


def test_a_session_that_is_gone_leads_to_signing_in_and_back(registry: ModelRegistry) -> None:
    visit = signed_in(registry, "ops")
    (token,) = registry.list_tokens()
    registry.revoke_token(token.id)
    gone = visit.get("/ui/?q=cells", 401)
    assert "/v1/auth/login?next=/ui/?q%3Dcells" in gone.links


def test_without_pages_a_token_is_pasted_into_plain_html(visiting: Callable[..., Visitor]) -> None:
    plain = visiting(ui="false").client.get("/v1/auth/login", headers=BROWSER).text
    assert "<form" in plain
    assert "stylesheet" not in plain
    assert 'value="/docs"' in plain


def test_what_went_wrong_at_the_provider_is_a_page_for_persons_and_json_for_programs(visit: Visitor) -> None:
    page = visit.get("/v1/auth/callback?code=c&state=s", 400)
    assert "Nobody was signed in" in page.words
    assert "/v1/auth/login?next=/ui/" in page.links
    for accept in ("application/json", "*/*"):
        answer = visit.client.get("/v1/auth/callback?code=c&state=s", headers={"Accept": accept})
        assert answer.mimetype == "application/problem+json"

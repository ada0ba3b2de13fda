"""Signing in at an OpenID provider: once, in the browser that began, by what the provider says of this very sign-in."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from app.web.code_flow import Begun, CodeFlow
from app.web.issuers import Issuer, principal_of
from registry_core import IdentityUnavailable

from ...support.issuer import AUDIENCE, Key, answer_json, issuer_server
from ...support.packages import write_package
from ..browsing import (
    CALLBACK,
    CLIENT,
    HOME,
    LOGIN,
    SHOW,
    Place,
    asked,
    begin,
    change,
    cookies,
    finish,
    give,
    of,
    sign_in,
    value,
)
from .test_issuers import Clock


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    write_package(tmp_path / "source")
    with issuer_server() as issuer:
        yield Place(tmp_path / "root", tmp_path / "source", issuer)


def test_whoever_signs_in_at_the_provider_goes_on_and_has_his_rights(place: Place) -> None:
    browser, said = place.service(), None
    assert of(browser.get(SHOW, base_url=HOME)) == (401, "unauthenticated")
    said = begin(browser, f"{LOGIN}?next=/v1/models?limit=2")
    assert said["redirect_uri"] == HOME + CALLBACK
    assert (said["response_type"], said["code_challenge_method"], said["scope"]) == ("code", "S256", "openid email")
    done = finish(browser, give(place, said))
    assert done.status_code == 200
    assert re.findall(r'url=([^"]+)"', done.text) == ["/v1/models?limit=2"]
    [sent] = place.issuer.exchanged
    assert (sent["redirect_uri"], sent["client_id"]) == (HOME + CALLBACK, CLIENT)
    assert len(sent["code_verifier"]) >= 43
    shown = browser.get(SHOW, base_url=HOME)
    assert shown.status_code == 200
    assert change(browser, shown.headers["X-Form-Token"]).status_code == 200
    [*_, event] = browser.get("/v1/history?task=own&model=m", base_url=HOME).json["events"]
    assert (event["principal"]["sub"], event["principal"]["via"]) == ("ada", "session")


def test_the_cookies_are_for_this_host_over_tls_and_for_no_script(place: Place) -> None:
    browser = place.service()
    answer = browser.get(LOGIN, base_url=HOME)
    assert cookies(answer).keys() == {"__Host-registry_sign_in"}
    assert {"Max-Age=600", "Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(
        cookies(answer)["__Host-registry_sign_in"].split("; ")
    )
    said = cookies(finish(browser, give(place, asked(answer))))
    assert {"Max-Age=28800", "Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(
        said["__Host-registry_session"].split("; ")
    )
    assert said["__Host-registry_sign_in"].startswith("; ")
    assert "Domain" not in str(said)


def test_any_replica_finishes_what_another_began(place: Place) -> None:
    one, other = place.service(), place.service()
    answer = one.get(LOGIN, base_url=HOME)
    other.set_cookie("__Host-registry_sign_in", value(answer, "__Host-registry_sign_in"), domain="registry.example")
    assert finish(other, give(place, asked(answer))).status_code == 200


def test_a_sign_in_that_was_begun_in_one_browser_is_not_finished_in_another(place: Place) -> None:
    service = place.service()
    mine, theirs = service.application.test_client(), service.application.test_client()
    back = give(place, begin(mine))
    assert of(finish(theirs, back)) == (400, "sign_in_failed")
    begin(theirs)
    assert of(finish(theirs, back)) == (400, "sign_in_failed")
    assert place.sessions() == []
    assert place.issuer.exchanged == []


def test_a_code_and_a_state_count_once(place: Place) -> None:
    browser = place.service()
    answer = browser.get(LOGIN, base_url=HOME)
    kept = value(answer, "__Host-registry_sign_in")
    back = give(place, asked(answer))
    assert finish(browser, back).status_code == 200
    assert of(finish(browser, back)) == (400, "sign_in_failed")  # the way back: the browser has the cookie no more
    browser.set_cookie("__Host-registry_sign_in", kept, domain="registry.example")
    assert of(finish(browser, back)) == (400, "sign_in_failed")  # the provider takes no code twice
    again = give(place, asked(answer), "c2")
    before = len(place.sessions())
    assert of(finish(browser, again)) == (400, "sign_in_failed")  # nor the registry a state
    assert len(place.sessions()) == before


def test_a_sign_in_takes_ten_minutes_at_most(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = place.service()
    real = time.time
    monkeypatch.setattr("app.v1.signing_in.time.time", lambda: real() - 601)
    said = begin(browser)
    monkeypatch.undo()
    assert of(finish(browser, give(place, said))) == (400, "sign_in_failed")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": AUDIENCE},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"iss": "https://another.example"},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"sub": None},
        {"sub": "a\nb"},
        {"groups": "ml"},
    ],
)
def test_what_the_provider_says_counts_only_if_it_is_about_this_sign_in(place: Place, claims: dict[str, Any]) -> None:
    browser = place.service()
    assert of(sign_in(place, browser, **claims)) == (400, "sign_in_failed")
    assert place.sessions() == []


def test_a_token_that_another_key_has_signed_signs_nobody_in(place: Place) -> None:
    browser = place.service()
    said = begin(browser)
    claims = place.issuer.claims(aud=CLIENT, nonce=said["nonce"], sub="ada")
    for number, token in enumerate((Key("one").sign(claims), Key("two").sign(claims), "", "a.b.c", "e30.e30.")):
        place.issuer.codes[f"c{number}"] = token
        assert of(finish(browser, {"code": f"c{number}", "state": said["state"]})) == (400, "sign_in_failed")


def test_the_issuer_is_the_one_that_was_asked(place: Place) -> None:
    browser = place.service()
    back = give(place, begin(browser))
    assert of(finish(browser, {**back, "iss": "https://another.example"})) == (400, "sign_in_failed")
    assert finish(browser, {**back, "iss": place.issuer.url}).status_code == 200


@pytest.mark.parametrize(
    "back", [{"error": "access_denied"}, {"error": "<script>"}, {}, {"code": ""}, {"code": "unknown"}]
)
def test_a_provider_that_refuses_signs_nobody_in(place: Place, back: dict[str, str]) -> None:
    browser = place.service()
    said = begin(browser)
    assert of(finish(browser, {**back, "state": said["state"]})) == (400, "sign_in_failed")


def test_a_provider_that_is_away_is_said_to_be_away(place: Place) -> None:
    browser = place.service()
    back = give(place, begin(browser))
    place.issuer.answers["/token"] = lambda handler: handler.send_error(502)
    assert of(finish(browser, back)) == (503, "identity_unavailable")
    place.issuer.close()
    assert of(finish(browser, back)) == (503, "identity_unavailable")
    assert of(place.service().get(LOGIN, base_url=HOME)) == (503, "identity_unavailable")


def test_those_who_waited_for_a_silent_provider_do_not_ask_it_one_after_the_other(place: Place) -> None:
    clock = Clock()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        clock.now += 10
        handler.send_error(500)

    place.issuer.answers["/.well-known/openid-configuration"] = silent
    issuer = Issuer(place.issuer.url, AUDIENCE, None, None, principal_of(place.issuer.url))
    flow = CodeFlow(issuer, CLIENT, None, "openid", clock)
    for _ in range(3):
        with pytest.raises(IdentityUnavailable):
            flow.address(Begun("s"), HOME + CALLBACK)
    assert len(place.issuer.asked) == 1
    clock.now += 6
    with pytest.raises(IdentityUnavailable):
        flow.address(Begun("s"), HOME + CALLBACK)
    assert len(place.issuer.asked) == 2


def test_the_log_says_why_a_provider_takes_no_code(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    browser = place.service()
    said = begin(browser)
    assert of(finish(browser, {"code": "unknown", "state": said["state"]})) == (400, "sign_in_failed")
    assert f"{place.issuer.url} takes no code of this service: invalid_grant" in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://another.example"},
        {"authorization_endpoint": "http://another.example/auth"},
        {"token_endpoint": "http://another.example/token"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_a_provider_that_says_it_is_another_is_not_asked(place: Place, said: dict[str, Any]) -> None:
    url = place.issuer.url
    usual = {"issuer": url, "authorization_endpoint": f"{url}/auth", "token_endpoint": f"{url}/token", **said}
    place.issuer.answers["/.well-known/openid-configuration"] = lambda handler: answer_json(handler, usual)
    assert of(place.service().get(LOGIN, base_url=HOME)) == (503, "identity_unavailable")

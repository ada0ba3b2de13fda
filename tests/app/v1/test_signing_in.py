"""Signing in and out: who gets a session, what the cookie is, and what a page elsewhere cannot do with it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from registry_core import CoreSettings
from registry_core.access.governing import create_token, revoke_token
from registry_core.access.tokens import TokenKind
from registry_core.format.layout import SESSIONS

from ...core.access.ruled import put, written
from ...support.issuer import issuer_server
from ...support.packages import write_package
from ..browsing import (
    CALLBACK,
    HOME,
    LOGIN,
    LOGOUT,
    PROMOTE,
    RULES,
    SHOW,
    Place,
    asked,
    begin,
    change,
    cookies,
    finish,
    give,
    of,
    paste,
    sign_in,
    value,
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    write_package(tmp_path / "source")
    with issuer_server() as issuer:
        yield Place(tmp_path / "root", tmp_path / "source", issuer)


# where to go on


@pytest.mark.parametrize(
    "path",
    [
        *(
            "//evil.example",
            "/\\evil.example",
            "\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "evil.example",
        ),
        *(
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nSet-Cookie: x=y",
            "/é",
            "/a/../b",
            "/..",
        ),
        *("/%2e%2e/b", "/a/%2E./b", "/a\\..\\b", "?x=//evil", "/" + "a" * 1000, " /docs", "/a/./b", "///evil.example"),
    ],
)
def test_it_goes_on_to_no_other_place(place: Place, path: str) -> None:
    for browser in (place.service(), place.pasting()):
        assert of(browser.get(LOGIN, query_string={"next": path}, base_url=HOME)) == (422, "invalid_parameter")
        posted = browser.post(LOGIN, data={"next": path, "token": "x"}, base_url=HOME)
        assert of(posted) == (422, "invalid_parameter")


@pytest.mark.parametrize("path", ["/docs", "/v1/models?q=a%2Fb&x=//y", "/v1/files/t/m/1/a'b;c", "/docs#/x"])
def test_it_goes_on_to_a_path_of_its_own(place: Place, path: str) -> None:
    token = create_token(place.journal, TokenKind.SERVICE, "ci").text
    done = place.pasting().post(LOGIN, data={"next": path, "token": token}, base_url=HOME)
    assert (done.status_code, done.headers["Location"]) == (303, path)
    browser = place.service()
    page = finish(browser, give(place, asked(browser.get(LOGIN, query_string={"next": path}, base_url=HOME)))).text
    written = path.replace("&", "&amp;").replace("'", "&#39;")
    assert page.count(f'content="0;url={written}"') == 1
    assert page.count(f'class="button primary" href="{written}"') == 1


def test_below_a_prefix_all_is_below_it(tmp_path: Path) -> None:
    write_package(tmp_path / "source")
    with issuer_server() as issuer:
        place = Place(tmp_path / "root", tmp_path / "source", issuer, base_path="/registry")
        browser = place.service()
        for path, onward in (("/docs", "/registry/docs"), ("/registry/docs", "/registry/docs")):
            answer = browser.get(f"/registry{LOGIN}", query_string={"next": path}, base_url=HOME)
            assert asked(answer)["redirect_uri"] == f"{HOME}/registry{CALLBACK}"
            assert "Path=/registry" in cookies(answer)["__Secure-registry_sign_in"]
            done = browser.get(f"/registry{CALLBACK}", query_string=give(place, asked(answer)), base_url=HOME)
            assert f'url={onward}"' in done.text
            assert "Path=/registry" in cookies(done)["__Secure-registry_session"]
        assert browser.get(f"/registry{SHOW}", base_url=HOME).status_code == 200


# with a pasted token


def test_a_pasted_token_is_a_session_with_its_rights(place: Place) -> None:
    made = create_token(place.journal, TokenKind.SERVICE, "ci")
    for token in (made.text, place.issuer.token(sub="ada")):
        browser = place.pasting()
        page = browser.get(f"{LOGIN}?next=/v1/models", base_url=HOME)
        assert 'value="/v1/models"' in page.text
        assert "<script" not in page.text
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; form-action 'self'")
        assert page.headers["Cache-Control"] == "no-store"
        done = paste(browser, token)
        assert (done.status_code, done.headers["Location"]) == (303, "/docs")
        assert token not in str(done.headers)
        shown = browser.get(SHOW, base_url=HOME)
        assert shown.status_code == 200
        assert change(browser, shown.headers["X-Form-Token"]).status_code in (200, 201)
        kept = "".join(file.read_text() for file in place.sessions())
        assert token not in kept
        assert value(done) not in kept + "".join(map(str, place.sessions()))
    revoke_token(place.journal, made.kept.id, actor=None, reason=None)
    assert len(place.sessions()) == 2


def test_a_session_of_a_token_ends_when_the_token_is_revoked_or_expires(place: Place) -> None:
    made = create_token(place.journal, TokenKind.SERVICE, "ci")
    browser = place.pasting()
    paste(browser, made.text)
    revoke_token(place.journal, made.kept.id, actor=None, reason=None)
    assert of(browser.get(SHOW, base_url=HOME)) == (401, "invalid_token")
    done = paste(browser, place.issuer.token(sub="ada", exp=int(time.time()) + 100))
    max_age = re.search(r"Max-Age=(\d+)", cookies(done)["__Host-registry_session"])
    assert max_age is not None
    assert int(max_age[1]) <= 160  # by clocks that may differ by a minute


def test_a_session_of_a_platform_s_token_ends_when_its_service_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place.journal.storage, written(rules=[{"who": ["authenticated"], "on": ["own/*"], "role": "viewer"}]))
    said = {"iss": "omnibioai-auth", "aud": "omnibioai-platform", "sub": "7", "type": "access"}
    token = place.issuer.token(**said)
    place.issuer.valid[token] = {"valid": True, "user_id": "7"}
    browser = place.service(oidc_issuer=None, oidc_audience=None, oidc_client_id=None, iam_url=place.issuer.url)
    session = value(paste(browser, token))
    kept = "".join(file.read_text() for file in place.sessions())
    assert not [part for part in (token, session, *token.split(".")) if part in kept]
    assert browser.get(SHOW, base_url=HOME).status_code == 200
    [file] = place.sessions()
    file.write_text(kept.replace('"sealed": "', '"sealed": "x'))
    assert of(browser.get(SHOW, base_url=HOME)) == (401, "invalid_token")
    file.write_text(kept)
    assert browser.get(SHOW, base_url=HOME).status_code == 200
    monkeypatch.setattr("app.web.issued_tokens.KEPT_S", 0.0)
    place.issuer.valid[token] = {"valid": False}
    assert of(browser.get(SHOW, base_url=HOME)) == (401, "invalid_token")
    without = place.pasting()
    without.set_cookie("__Host-registry_session", session, domain="registry.example")
    assert of(without.get(SHOW, base_url=HOME)) == (401, "invalid_token")  # whose issuer counts no more


@pytest.mark.parametrize("token", ["", " ", "x", "omr_0", "a.b.c", "é", "x\x00y"])
def test_what_does_not_count_makes_no_session(place: Place, token: str) -> None:
    done = paste(place.pasting(), token)
    assert done.status_code == 401
    assert cookies(done) == {}
    assert place.sessions() == []


# what a cookie is worth


def test_a_change_needs_the_form_token_of_the_session(place: Place) -> None:
    browser, other = place.service(), place.service()
    sign_in(place, browser)
    sign_in(place, other)
    mine, theirs = (one.get(SHOW, base_url=HOME).headers["X-Form-Token"] for one in (browser, other))
    assert mine != theirs
    for wrong in (None, "", "x", theirs, mine[:-1], mine.upper(), "é"):
        assert of(change(browser, wrong)) == (403, "form_token_missing")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/v1/models", "/v1/uploads", f"/v1/uploads/{'0' * 32}/{'1' * 32}", "/hf/api/models"):
            answer = browser.open(path, method=method, base_url=HOME)
            code = answer.headers.get("X-Error-Code") or answer.json.get("code")
            assert (answer.status_code, code) == (403, "form_token_missing"), f"{method} {path}"
    assert change(browser, mine).status_code == 200
    session = value(sign_in(place, browser))
    assert session not in mine


def test_a_cookie_never_counts_for_a_change_of_another_origin(tmp_path: Path) -> None:
    write_package(tmp_path / "source")
    friend = "https://console.example"
    with issuer_server() as issuer:
        place = Place(tmp_path / "root", tmp_path / "source", issuer, cors_origins=(friend, "http://registry.example"))
        browser = place.service()
        sign_in(place, browser)
        shown = browser.get(SHOW, headers={"Origin": friend}, base_url=HOME)
        assert shown.headers["Access-Control-Allow-Origin"] == friend
        assert "Access-Control-Allow-Credentials" not in shown.headers
        token = shown.headers["X-Form-Token"]
        for headers in (
            {"Origin": friend},
            {"Origin": "http://registry.example"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            assert of(change(browser, token, **headers)) == (401, "unauthenticated")
        for headers in ({"Origin": HOME}, {"Sec-Fetch-Site": "same-origin"}):
            assert change(browser, token, **headers).status_code == 200
        assert of(change(browser, token, Origin="https://evil.example"))[0] == 403


def test_a_header_with_a_token_goes_before_the_cookie(place: Place) -> None:
    browser = place.service()
    sign_in(place, browser)
    answer = browser.get(SHOW, headers={"Authorization": "Bearer x"}, base_url=HOME)
    assert of(answer) == (401, "invalid_token")
    mine = {"Authorization": f"Bearer {place.issuer.token(sub='ada')}"}
    assert browser.post("/v1/promote", json=PROMOTE, headers=mine, base_url=HOME).status_code == 200


def test_each_sign_in_has_a_new_session_and_ends_the_one_before(place: Place) -> None:
    browser = place.service()
    planted = "f" * 64
    browser.set_cookie("__Host-registry_session", planted, domain="registry.example")
    first = value(sign_in(place, browser))
    second = value(sign_in(place, browser))
    assert len({planted, first, second}) == 3
    stranger = place.service()
    for old in (planted, first):
        stranger.set_cookie("__Host-registry_session", old, domain="registry.example")
        assert of(stranger.get(SHOW, base_url=HOME)) == (401, "invalid_token")


def test_two_cookies_of_one_name_are_none(place: Place) -> None:
    """A page of a neighbour can give the browser a second one."""
    browser = place.service()
    session = value(sign_in(place, browser))
    plain = browser.application.test_client(use_cookies=False)
    both = {"Cookie": f"__Host-registry_session={session}; __Host-registry_session={'0' * 64}"}
    assert of(plain.get(SHOW, headers=both, base_url=HOME)) == (401, "invalid_token")


def test_the_name_of_the_cookie_is_of_the_way_that_it_takes(place: Place) -> None:
    """One that is set over plain http, or from below a prefix, is not read over TLS; nor the other way round."""
    browser = place.service()
    session = value(sign_in(place, browser))
    plain = browser.application.test_client(use_cookies=False)
    for name in ("registry_session", "__Secure-registry_session"):
        assert of(plain.get(SHOW, headers={"Cookie": f"{name}={session}"}, base_url=HOME)) == (401, "unauthenticated")
    for home in ("http://registry.example", "http://localhost"):
        sent = {"Cookie": f"__Host-registry_session={session}"}
        assert of(plain.get(SHOW, headers=sent, base_url=home)) == (401, "unauthenticated")
    sent = {"Cookie": f"registry_session={session}"}
    assert of(plain.get(SHOW, headers=sent, base_url="http://registry.example")) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("home", "headers", "address", "is_taken"),
    [
        ("http://registry.example", {}, "127.0.0.1", False),
        ("http://10.0.0.7:8095", {}, "127.0.0.1", False),
        ("http://127.0.0.1.evil.example", {}, "127.0.0.1", False),
        ("http://localhost:8095", {}, "10.0.0.7", False),
        ("http://localhost:8095", {"X-Forwarded-For": "10.0.0.7"}, "127.0.0.1", False),
        ("http://localhost:8095", {}, "127.0.0.1", True),
        ("http://127.0.0.1:8095", {}, "127.0.0.1", True),
        ("http://[::1]:8095", {}, "::1", True),
        (HOME, {}, "10.0.0.7", True),
    ],
)
def test_nobody_signs_in_over_plain_http_beyond_this_machine(
    place: Place, home: str, headers: dict[str, str], address: str, is_taken: bool
) -> None:
    options: dict[str, Any] = {"base_url": home, "headers": headers, "environ_base": {"REMOTE_ADDR": address}}
    token = create_token(place.journal, TokenKind.SERVICE, "ci").text
    answers = [
        place.service().get(LOGIN, **options),
        place.pasting().get(LOGIN, **options),
        place.pasting().post(LOGIN, data={"token": token}, **options),
    ]
    if is_taken:
        assert [answer.status_code for answer in answers] == [303, 200, 303]
        name = "__Host-registry_session" if home == HOME else "registry_session"
        assert cookies(answers[2]).keys() == {name}
        assert ("Secure" in cookies(answers[2])[name]) is (home == HOME)
        return
    answers.append(place.service().get(f"{CALLBACK}?code=x&state=y", **options))
    for answer in answers:
        assert of(answer) == (403, "tls_required")
        assert "TLS" in answer.json["detail"]
    assert place.sessions() == []


def test_a_proxy_that_ends_tls_says_so(tmp_path: Path) -> None:
    write_package(tmp_path / "source")
    with issuer_server() as issuer:
        place = Place(tmp_path / "root", tmp_path / "source", issuer, trusted_proxies=1)
        sent = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "registry.example", "X-Forwarded-For": "10.0.0.7"}
        answer = place.service().get(LOGIN, base_url="http://10.1.1.1:8095", headers=sent)
        assert asked(answer)["redirect_uri"] == HOME + CALLBACK
        assert cookies(answer).keys() == {"__Host-registry_sign_in"}


def test_a_form_of_another_page_signs_nobody_in(place: Place) -> None:
    token = create_token(place.journal, TokenKind.SERVICE, "ci").text
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}):
        done = paste(place.pasting(), token, headers=headers)
        assert done.status_code in (400, 403)
        assert cookies(done) == {}
    own = {"Origin": "http://localhost:8095", "Sec-Fetch-Site": "same-origin"}
    assert paste(place.pasting(), token, base_url="http://localhost:8095", headers=own).status_code == 303


# rights that end


def test_rights_end_for_a_session_as_for_any_other_credential(place: Place) -> None:
    browser = place.service()
    sign_in(place, browser, sub="ada")
    bearer = {"Authorization": f"Bearer {place.issuer.token(sub='ada')}"}
    stranger = place.service()

    def both(path: str = SHOW) -> tuple[TestResponse, TestResponse]:
        same = {"X-Request-Id": "1"}
        found = (
            browser.get(path, base_url=HOME, headers=same),
            stranger.get(path, headers={**bearer, **same}, base_url=HOME),
        )
        assert found[0].data == found[1].data
        return found

    assert both()[0].status_code == 200
    put(place.journal.storage, written(rules=RULES["rules"], blocked=["user:ada"]))
    assert of(both()[0])[0] in (403, 404)
    put(place.journal.storage, written(rules=[]))
    assert of(both()[0]) == (404, "model_not_found")
    (place.root / "log" / "journal" / "registry.jsonl").write_bytes(b"{}\n")
    assert of(both()[0]) == (503, "access_unreadable")


def test_a_session_makes_a_personal_token_and_one_of_a_token_does_not(place: Place) -> None:
    browser, pasted = place.service(), place.pasting()
    sign_in(place, browser, email="ada@lab.example", email_verified=True)
    wanted: dict[str, Any] = {"json": {"kind": "personal", "name": "mine"}, "base_url": HOME}
    assert of(browser.post("/v1/tokens", **wanted)) == (403, "form_token_missing")
    token = browser.get(SHOW, base_url=HOME).headers["X-Form-Token"]
    made = browser.post("/v1/tokens", headers={"X-Form-Token": token}, **wanted)
    assert made.status_code == 201
    assert paste(pasted, made.json["token"]).status_code == 303
    shown = pasted.get(SHOW, base_url=HOME)
    assert shown.status_code == 200
    again = pasted.post("/v1/tokens", headers={"X-Form-Token": shown.headers["X-Form-Token"]}, **wanted)
    assert of(again) == (422, "invalid_parameter")


def test_signing_out_ends_the_session_everywhere(place: Place) -> None:
    browser = place.service()
    session = value(sign_in(place, browser))
    token = browser.get(SHOW, base_url=HOME).headers["X-Form-Token"]
    assert of(browser.post(LOGOUT, base_url=HOME)) == (403, "form_token_missing")
    assert of(browser.post(LOGOUT, data={"form_token": "x"}, base_url=HOME)) == (403, "form_token_missing")
    elsewhere = browser.post(LOGOUT, data={"form_token": token}, headers={"Sec-Fetch-Site": "same-site"}, base_url=HOME)
    assert of(elsewhere) == (403, "form_token_missing")
    assert browser.get(SHOW, base_url=HOME).status_code == 200
    done = browser.post(LOGOUT, data={"form_token": token}, base_url=HOME)
    assert done.status_code == 200
    assert cookies(done)["__Host-registry_session"].startswith("; ")
    assert of(browser.get(SHOW, base_url=HOME)) == (401, "unauthenticated")
    other = place.service()
    other.set_cookie("__Host-registry_session", session, domain="registry.example")
    assert of(other.get(SHOW, base_url=HOME)) == (401, "invalid_token")
    assert browser.post(LOGOUT, base_url=HOME).status_code == 200
    ended = other.post(LOGOUT, headers={"X-Form-Token": token}, base_url=HOME)
    assert ended.status_code == 200  # one that has ended is signed out of as well


def test_the_page_says_who_is_signed_in_and_signs_out(place: Place) -> None:
    browser = place.pasting()
    paste(browser, place.issuer.token(sub="<b>ada</b>", email="x@y", email_verified=False))
    page = browser.get(LOGIN, base_url=HOME).text
    assert "&lt;b&gt;ada&lt;/b&gt;" in page
    token = re.search(r'name="form_token" value="(\w+)"', page)
    assert token is not None
    assert browser.post(LOGOUT, data={"form_token": token[1]}, base_url=HOME).status_code == 200
    assert "Sign out" not in browser.get(LOGIN, base_url=HOME).text


def test_where_everybody_is_let_in_nobody_signs_in(tmp_path: Path) -> None:
    browser = create_app(Settings(core=CoreSettings(root=str(tmp_path)), threads=8)).test_client()
    assert browser.get(f"{LOGIN}?next=/v1/models").headers["Location"] == "/v1/models"
    assert browser.post(LOGIN, data={"token": "x"}).headers["Location"] == "/ui/"
    assert of(browser.get(CALLBACK)) == (400, "sign_in_failed")
    assert browser.post(LOGOUT).status_code == 200
    assert not (tmp_path / SESSIONS).exists()


def test_nobody_who_is_not_known_writes_anything(place: Place) -> None:
    browser = place.service()
    for _ in range(3):
        begin(browser)
    finish(browser, {"code": "x", "state": "y"})
    paste(place.pasting(), "x")
    assert place.sessions() == []

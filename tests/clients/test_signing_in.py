"""oidc-provider from npm and Chromium: signing in, what a page can do, and that nothing of it is left then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.config import IdentitySettings, Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.access.governing import create_token
from registry_core.access.tokens import TokenKind
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..app.conftest import scratch
from ..core.access.ruled import journal_of, put, written
from ..support.browser import empty_page
from ..support.packages import write_package
from ..support.provider import CLIENT, PROGRAM_ID, SECRET, Provider, new_key, sign_in, token_of_program
from ..support.servers import PREFIX, gunicorn

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

RULES = written(
    rules=[
        {"who": ["group:ml"], "on": ["own/*"], "role": "publisher"},
        {"who": [f"user:{PROGRAM_ID}"], "on": ["own/*"], "role": "viewer"},
        {"who": ["token:ci"], "on": ["own/*"], "role": "publisher"},
    ]
)
PROMOTE = {"task": "own", "model_name": "m", "alias": "candidate", "version": "1"}
# [status, headers, text] of what a page asks, or the failure.
ASK = """
const [url, options, done] = arguments;
fetch(url, options)
  .then(async (answer) => done([answer.status, Object.fromEntries(answer.headers), await answer.text()]))
  .catch((failure) => done([0, {}, String(failure)]));
"""


def registry_at(root: Path, source: Path) -> None:
    root.mkdir()
    write_package(source)
    ModelRegistry.open(settings=CoreSettings(root=str(root))).register("own", "m", "1", source)
    put(FilesystemStorage(root), RULES)


def ask(browser: Chrome, url: str, **options: Any) -> tuple[int, dict[str, str], str]:
    status, headers, text = browser.execute_async_script(ASK, url, options)
    return status, headers, text


def change(browser: Chrome, url: str, **headers: str) -> int:
    sent = {"Content-Type": "application/json", **headers}
    body = '{"task": "own", "model_name": "m", "alias": "candidate", "version": "1"}'
    return ask(browser, f"{url}/v1/promote", method="POST", headers=sent, body=body, credentials="include")[0]


def text(browser: Chrome) -> str:
    return str(browser.execute_script("return document.body.innerText"))


def arrives(browser: Chrome, url: str) -> None:
    """At that address, whose page is there whole."""
    from selenium.webdriver.support.ui import WebDriverWait

    has_come = "return document.readyState == 'complete' && document.body != null && location.href == arguments[0]"
    WebDriverWait(browser, 120).until(lambda _: browser.execute_script(has_come, url))


@dataclass(frozen=True)
class Here:
    url: str
    provider: Provider
    root: Path


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    """A service, and a provider of another site: for a browser 127.0.0.1 and localhost are two."""
    provider = Provider()
    settings = {
        "AUTH": "required",
        "OIDC_ISSUER": provider.issuer,
        "OIDC_AUDIENCE": "registry",
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_SCOPES": "openid email groups",
    }
    with scratch() as area:
        registry_at(area / "root", area / "source")
        env = {PREFIX + name: value for name, value in settings.items()}
        with (
            gunicorn(area / "root", env=env) as server,
            provider.running(f"{server.url}/v1/auth/callback", keys=[new_key("one")]),
        ):
            yield Here(server.url, provider, area / "root")


@pytest.fixture
def fresh(browser: Chrome) -> Chrome:
    """A browser that has been nowhere: cookies do not tell ports apart."""
    browser.get("about:blank")
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    return browser


def signs_in(browser: Chrome, here: Here, onward: str) -> None:
    """As a person does, who has not been at the provider before."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(f"{here.url}/v1/auth/login?next={onward}")
    browser.find_element(By.NAME, "login").send_keys("ada")
    browser.find_element(By.NAME, "password").send_keys("any")
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    WebDriverWait(browser, 120).until(lambda _: browser.find_elements(By.CSS_SELECTOR, "input[value=consent]"))
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    arrives(browser, here.url + onward)


def test_a_person_signs_in_uses_the_registry_and_signs_out(fresh: Chrome, here: Here) -> None:
    fresh.get(f"{here.url}/v1/models")
    assert text(fresh).strip() == "[]"
    signs_in(fresh, here, "/v1/models")
    assert '"task":"own"' in text(fresh).replace(" ", "")
    fresh.get(f"{here.url}/docs")
    assert fresh.execute_script("return document.cookie") == ""
    [cookie] = fresh.get_cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("registry_session", True, "Strict")
    status, headers, _ = ask(fresh, "/v1/show?task=own&ref=m@1")
    token = headers["x-form-token"]
    assert status == 200
    assert change(fresh, "") == 403
    assert change(fresh, "", **{"X-Form-Token": "0" * 64}) == 403
    assert change(fresh, "", **{"X-Form-Token": token}) == 200
    history = ModelRegistry.open(settings=CoreSettings(root=str(here.root))).history("own", "m").events
    assert history[-1].principal["via"] == "session"

    fresh.get(f"{here.url}/v1/models")
    fresh.get(f"{here.url}/docs")
    assert ask(fresh, "/v1/auth/logout", method="POST", headers={"X-Form-Token": token})[0] == 200
    assert fresh.get_cookies() == []
    assert ask(fresh, "/v1/show?task=own&ref=m@1")[0] == 401
    fresh.back()
    arrives(fresh, f"{here.url}/v1/models")
    assert text(fresh).strip() == "[]"
    fresh.add_cookie({**cookie, "sameSite": "Strict"})
    fresh.get(f"{here.url}/v1/models")
    assert "invalid_token" in text(fresh)


def test_the_way_back_to_a_sign_in_that_is_done_signs_nobody_in(fresh: Chrome, here: Here) -> None:
    signs_in(fresh, here, "/docs")
    [cookie] = fresh.get_cookies()
    for _ in range(3):  # over the pages of the sign-in
        fresh.back()
    fresh.get(f"{here.url}/docs")
    assert [one["value"] for one in fresh.get_cookies() if one["name"] == "registry_session"] == [cookie["value"]]


def test_a_page_of_another_port_changes_nothing_with_the_cookie(fresh: Chrome, here: Here) -> None:
    """It is of the same site, so that the browser sends a cookie that is Strict."""
    signs_in(fresh, here, "/docs")
    token = ask(fresh, "/v1/show?task=own&ref=m@1")[1]["x-form-token"]
    before = len(ModelRegistry.open(settings=CoreSettings(root=str(here.root))).history("own", "m").events)
    with empty_page() as origin:
        fresh.get(origin)
        for headers in ({}, {"X-Form-Token": token}):
            assert change(fresh, here.url, **headers) == 0
        read = ask(fresh, f"{here.url}/v1/show?task=own&ref=m@1", credentials="include")
        assert read[0] == 0
        sent = {"method": "POST", "mode": "no-cors", "credentials": "include"}
        body = '{"task": "own", "model_name": "m", "alias": "candidate", "version": "1"}'
        ask(fresh, f"{here.url}/v1/promote", body=body, **sent)
        form = {"headers": {"Content-Type": "application/x-www-form-urlencoded"}, "body": f"form_token={token}"}
        ask(fresh, f"{here.url}/v1/auth/logout", **sent, **form)
    after = len(ModelRegistry.open(settings=CoreSettings(root=str(here.root))).history("own", "m").events)
    assert after == before
    fresh.get(f"{here.url}/docs")
    assert ask(fresh, "/v1/show?task=own&ref=m@1")[0] == 200


def test_a_person_pastes_a_token_and_signs_out_on_the_page(fresh: Chrome, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By

    def press(words: str) -> None:
        fresh.find_element(By.XPATH, f"//main//button[normalize-space()='{words}']").click()

    registry_at(tmp_path / "root", tmp_path / "source")
    token = create_token(journal_of(FilesystemStorage(tmp_path / "root")), TokenKind.SERVICE, "ci").text
    with gunicorn(tmp_path / "root", env={PREFIX + "AUTH": "required"}) as server:
        fresh.get(f"{server.url}/v1/auth/login?next=/v1/models")
        fresh.find_element(By.NAME, "token").send_keys(token)
        press("Sign in")
        arrives(fresh, f"{server.url}/v1/models")
        assert '"task":"own"' in text(fresh).replace(" ", "")
        fresh.get(f"{server.url}/v1/auth/login")
        assert "You are signed in as ci" in text(fresh)
        press("Sign out")
        arrives(fresh, f"{server.url}/v1/auth/logout")
        assert "Signed out" in text(fresh)
        fresh.back()
        arrives(fresh, f"{server.url}/v1/auth/login")
        assert "You are signed in" not in text(fresh)
        assert fresh.get_cookies() == []
        assert token not in server.log_file.read_text()


# what the provider does, without a browser


HOME, BACK = "http://localhost", "http://localhost/v1/auth/callback"


def service(root: Path, provider: Provider, secret: str | None = None) -> FlaskClient:
    identity = IdentitySettings(
        "required",
        oidc_issuer=provider.issuer,
        oidc_audience="registry",
        oidc_client_id=CLIENT,
        oidc_client_secret=secret,
        oidc_scopes="openid email groups",
    )
    return create_app(Settings(core=CoreSettings(root=str(root)), threads=8, identity=identity)).test_client()


def comes_back(client: FlaskClient, person: str = "ada", **changed: str) -> tuple[int, str | None]:
    """Status and code of the answer to whoever signed in at the provider."""
    address = client.get("/v1/auth/login").headers["Location"]
    for name, value in changed.items():
        address = address.replace(f"{name}={CLIENT}", f"{name}={value}")
    answer = client.get(sign_in(address, person, BACK))
    return answer.status_code, (answer.get_json(silent=True) or {}).get("code")


@pytest.mark.parametrize("secret", [None, SECRET], ids=["public", "with a secret"])
def test_either_kind_of_client(tmp_path: Path, secret: str | None) -> None:
    registry_at(tmp_path / "root", tmp_path / "source")
    provider = Provider()
    with provider.running(BACK, keys=[new_key("one")], secret=secret):
        client = service(tmp_path / "root", provider, secret)
        assert comes_back(client) == (200, None)
        assert client.get("/v1/show?task=own&ref=m@1").status_code == 200
        assert comes_back(client, client_id="another") == (400, "sign_in_failed")
        if secret is not None:
            assert comes_back(service(tmp_path / "root", provider, "wrong")) == (400, "sign_in_failed")


def test_keys_that_the_provider_changes_count_after_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry_at(tmp_path / "root", tmp_path / "source")
    provider = Provider()
    client = service(tmp_path / "root", provider)
    with provider.running(BACK, keys=[new_key("one")]):
        assert comes_back(client) == (200, None)
    with provider.running(BACK, keys=[new_key("two")]):
        monkeypatch.setattr("app.web.keys.REFETCH_S", float("inf"))
        assert comes_back(client) == (400, "sign_in_failed")
        monkeypatch.setattr("app.web.keys.REFETCH_S", 0.0)
        assert comes_back(client) == (200, None)


def test_a_program_s_token_counts_for_this_audience_only(tmp_path: Path) -> None:
    registry_at(tmp_path / "root", tmp_path / "source")
    provider = Provider()
    client = service(tmp_path / "root", provider)
    with provider.running(BACK, keys=[new_key("one")]):
        for audience, status in (("registry", 200), ("another", 401), (CLIENT, 401)):
            sent = {"Authorization": f"Bearer {token_of_program(provider, audience)}"}
            assert client.get("/v1/show?task=own&ref=m@1", headers=sent).status_code == status


def test_a_provider_by_another_name_is_another_one(tmp_path: Path) -> None:
    registry_at(tmp_path / "root", tmp_path / "source")
    provider, other = Provider(), Provider()
    other.port = provider.port
    other.issuer = f"http://127.0.0.1:{provider.port}"
    with provider.running(BACK, keys=[new_key("one")]):
        answer = service(tmp_path / "root", other).get("/v1/auth/login")
        assert (answer.status_code, answer.json["code"]) == (503, "identity_unavailable")

"""A service that browsers reach over TLS, with a provider of the test's own, and what a browser does at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.config import IdentitySettings, Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.format.layout import SESSIONS
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.access.ruled import journal_of, put, written
from ..support.issuer import AUDIENCE, IssuerServer

CLIENT = "registry-pages"
HOME = "https://registry.example"
LOGIN, CALLBACK, LOGOUT = "/v1/auth/login", "/v1/auth/callback", "/v1/auth/logout"
SHOW = "/v1/show?task=own&ref=m@1"
PROMOTE = {"task": "own", "model_name": "m", "alias": "candidate", "version": "1"}
PUBLISHERS = ["user:ada", "group:ml", "token:ci"]
RULES = {"rules": [{"who": PUBLISHERS, "on": ["own/*"], "role": "publisher"}], "blocked": ["user:left"]}


class Place:
    """A service that browsers reach at ``HOME``."""

    def __init__(self, root: Path, source: Path, issuer: IssuerServer, **more: Any) -> None:
        root.mkdir()
        ModelRegistry.open(settings=CoreSettings(root=str(root))).register("own", "m", "1", source)
        self.root, self.issuer, self.more = root, issuer, more
        self.journal = journal_of(FilesystemStorage(root))
        put(self.journal.storage, written(**RULES))

    def service(self, **identity: Any) -> FlaskClient:
        """Another replica, and a browser at it that has no cookie yet."""
        said = {"oidc_issuer": self.issuer.url, "oidc_audience": AUDIENCE, "oidc_client_id": CLIENT, **identity}
        core = CoreSettings(root=str(self.root))
        settings = Settings(core=core, threads=8, identity=IdentitySettings("required", **said), **self.more)
        return create_app(settings).test_client()

    def pasting(self) -> FlaskClient:
        return self.service(oidc_client_id=None)

    def sessions(self) -> list[Path]:
        return sorted((self.root / SESSIONS).glob("*"))


def asked(answer: TestResponse) -> dict[str, str]:
    """What the provider is asked."""
    assert answer.status_code == 303, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def begin(browser: FlaskClient, path: str = LOGIN, home: str = HOME) -> dict[str, str]:
    return asked(browser.get(path, base_url=home))


def give(place: Place, said: dict[str, str], code: str = "c1", **claims: Any) -> dict[str, str]:
    """What the provider sends the browser back with, once a person has signed in there."""
    token = place.issuer.token(**{"aud": CLIENT, "nonce": said["nonce"], "sub": "ada", **claims})
    place.issuer.codes[code] = token
    return {"code": code, "state": said["state"]}


def finish(browser: FlaskClient, back: dict[str, str], home: str = HOME) -> TestResponse:
    return browser.get(CALLBACK, query_string=back, base_url=home)


def sign_in(place: Place, browser: FlaskClient, **claims: Any) -> TestResponse:
    return finish(browser, give(place, begin(browser), **claims))


def of(answer: TestResponse) -> tuple[int, str | None]:
    return answer.status_code, (answer.json or {}).get("code")


def cookies(answer: TestResponse) -> dict[str, str]:
    """name -> all that is said of it."""
    return {one.partition("=")[0]: one.partition("=")[2] for one in answer.headers.getlist("Set-Cookie")}


def value(answer: TestResponse, name: str = "__Host-registry_session") -> str:
    return cookies(answer)[name].partition(";")[0]


def change(browser: FlaskClient, token: str | None, base_url: str = HOME, **headers: str) -> TestResponse:
    if token is not None:
        headers["X-Form-Token"] = token
    return browser.post("/v1/promote", json=PROMOTE, headers=headers, base_url=base_url)


def paste(browser: FlaskClient, token: str, base_url: str = HOME, **more: Any) -> TestResponse:
    return browser.post(LOGIN, data={"token": token, "next": "/docs"}, base_url=base_url, **more)

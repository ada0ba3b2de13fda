"""Credentials over HTTP: what counts, what each answer gives away, and that nothing that came is kept anywhere."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.config import IdentitySettings, OtherIssuer, Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.access.governing import create_token, revoke_token
from registry_core.access.tokens import TokenKind
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.access.ruled import journal_of, put, written
from ..support.issuer import AUDIENCE, IssuerServer, issuer_server
from ..support.packages import write_package

RULES = written(
    protected_aliases=["production"],
    rules=[
        {"who": ["anonymous"], "on": ["public/*"], "role": "user"},
        {"who": ["user:reader"], "on": ["own/*"], "role": "viewer"},
        {"who": ["token:ci"], "on": ["own/*"], "role": "publisher"},
    ],
)


class Place:
    def __init__(self, root: Path, source: Path, issuer: IssuerServer) -> None:
        registry = ModelRegistry.open(settings=CoreSettings(root=str(root)))
        for task in ("own", "foreign", "public"):
            registry.register(task, "m", "1", source)
        self.root, self.source, self.issuer = root, source, issuer
        self.journal = journal_of(FilesystemStorage(root))
        put(self.journal.storage, RULES)
        made = create_token(self.journal, TokenKind.SERVICE, "ci")
        self.token, self.token_id = made.text, made.kept.id
        identity = IdentitySettings("required", oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
        core = CoreSettings(root=str(root), artifacts_allowed_roots=(str(source.parent),))
        self.client: FlaskClient = create_app(Settings(core=core, threads=8, identity=identity)).test_client()

    def get(self, path: str, token: str | None = None, **headers: str) -> TestResponse:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.client.get(path, headers=headers)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "root").mkdir()
    write_package(tmp_path / "source")
    with issuer_server() as issuer:
        yield Place(tmp_path / "root", tmp_path / "source", issuer)


def show(task: str, model_name: str = "m") -> str:
    return f"/v1/show?task={task}&ref={model_name}@1"


def of(answer: TestResponse) -> tuple[int, str | None]:
    return answer.status_code, answer.json.get("code")


def test_each_way_in(place: Place) -> None:
    reader = place.issuer.token(sub="reader")
    for token in (reader, place.token):
        assert place.get(show("own"), token).status_code == 200
        basic = base64.b64encode(f"anybody:{token}".encode()).decode()
        assert place.get(show("own"), Authorization=f"Basic {basic}").status_code == 200
        assert place.get(f"{show('own')}&token={token}&access_token={token}").status_code == 401
    assert place.get(show("public")).status_code == 200


def test_rules_name_people_of_another_issuer_by_its_alias(place: Place) -> None:
    named = {"who": ["user:partner/reader", "group:partner/ml"], "on": ["foreign/*"], "role": "viewer"}
    put(place.journal.storage, written(rules=[named]))
    with issuer_server() as partner:
        more = (OtherIssuer("partner", partner.url, "shared"),)
        identity = IdentitySettings("required", oidc_issuer=place.issuer.url, oidc_audience=AUDIENCE, more_issuers=more)
        core = CoreSettings(root=str(place.root))
        client = create_app(Settings(core=core, threads=8, identity=identity)).test_client()
        for token, status in (
            (partner.token(sub="reader", aud="shared"), 200),
            (partner.token(sub="another", aud="shared", groups=["ml"]), 200),
            (partner.token(sub="another", aud="shared"), 404),
            (partner.token(sub="reader"), 401),
            (place.issuer.token(sub="reader", groups=["ml"]), 404),
            (place.issuer.token(sub="partner/reader", groups=["partner/ml"]), 404),
        ):
            answer = client.get(show("foreign"), headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status


def test_who_says_nothing_is_asked_the_same_whether_the_model_is_there(place: Place) -> None:
    answers = [place.get(show("own", name), **{"X-Request-Id": "1"}) for name in ("m", "none")]
    assert [of(answer) for answer in answers] == [(401, "unauthenticated")] * 2
    assert answers[0].data == answers[1].data
    challenges = answers[0].headers.getlist("WWW-Authenticate")
    assert [one.split()[0] for one in challenges] == ["Bearer", "Basic"]
    for browser in ({"Accept": "text/html"}, {"Sec-Fetch-Mode": "navigate"}):
        asked = place.get(show("own"), **browser).headers.getlist("WWW-Authenticate")
        assert [one.split()[0] for one in asked] == ["Bearer"]


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic x",
        "Basic !!!",
        "Digest x",
        "x",
        "Bearer omr_0",
        "Bearer a.b.c",
        "Bearer é",
    ],
)
def test_what_does_not_count_is_refused_also_where_anybody_may(place: Place, sent: str) -> None:
    for path in (show("own"), show("public"), "/v1/models", "/no/such/path"):
        assert of(place.get(path, Authorization=sent)) == (401, "invalid_token")


def test_a_body_is_not_parsed_before_it_is_known_who_sends_it(place: Place) -> None:
    sent = {"data": b"{" * 1000, "content_type": "application/json", "headers": {"Authorization": "Bearer x"}}
    assert of(place.client.post("/v1/promote", **sent)) == (401, "invalid_token")


def test_rights_are_what_the_rules_give(place: Place) -> None:
    reader = place.issuer.token(sub="reader")
    body: dict[str, Any] = {"task": "own", "model_name": "m", "alias": "candidate", "version": "1"}
    headers = {"Authorization": f"Bearer {reader}"}
    refused = place.client.post("/v1/promote", json=body, headers=headers)
    assert of(refused) == (403, "permission_denied")
    assert refused.json["required"] == {"action": "promote", "on": "own/m", "alias": "candidate"}
    headers = {"Authorization": f"Bearer {place.token}"}
    assert place.client.post("/v1/promote", json=body, headers=headers).status_code == 200
    body["alias"] = "production"
    assert of(place.client.post("/v1/promote", json=body, headers=headers)) == (403, "permission_denied")


def test_what_may_not_be_seen_is_not_there(place: Place) -> None:
    reader = place.issuer.token(sub="reader")
    there, missing = (place.get(show("foreign", name), reader, **{"X-Request-Id": "1"}) for name in ("m", "n"))
    assert of(there) == of(missing) == (404, "model_not_found")
    assert there.data.replace(b"foreign/m", b"foreign/n").replace(b'"m"', b'"n"') == missing.data
    assert {item["task"] for item in place.get("/v1/models", reader).json} == {"own", "public"}
    assert {item["task"] for item in place.get("/v1/models").json} == {"public"}


def test_a_revoked_token_and_an_expired_one_count_no_more(place: Place) -> None:
    assert place.get(show("own"), place.token).status_code == 200
    revoke_token(place.journal, place.token_id, actor=None, reason=None)
    assert of(place.get(show("own"), place.token)) == (401, "invalid_token")
    assert of(place.get(show("own"), place.issuer.token(sub="reader", exp=1))) == (401, "invalid_token")


def test_an_issued_token_is_verified_once_in_half_a_minute(place: Place) -> None:
    reader = place.issuer.token(sub="reader")
    assert place.get(show("own"), reader).status_code == 200
    place.issuer.close()
    assert place.get(show("own"), reader).status_code == 200


def test_no_route_but_those_that_are_open_answers_who_is_not_known(place: Place) -> None:
    answered: dict[str, int] = {}
    for rule in place.client.application.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        for method in (rule.methods or set()) - {"OPTIONS"}:
            answer = place.client.open(path, method=method, headers={"Authorization": "Bearer x"})
            answered[f"{method} {path}"] = answer.status_code
    still_open = {call.split()[1] for call, status in answered.items() if status != 401}
    signing_in = {f"/v1/auth/{call}" for call in ("status", "login", "callback", "logout")}
    pages = {"/", "/ui/static/x", "/ui/theme"}
    assert still_open - signing_in - pages == {"/health", "/health/ready", "/docs", "/docs/assets/x", "/openapi.json"}
    assert len(answered) > 60


def test_what_is_open_says_nothing_of_the_registry(place: Place) -> None:
    ready = place.get("/health/ready")
    assert (ready.status_code, set(ready.json)) == (200, {"ok"})
    status = place.get("/v1/auth/status").json
    assert (status["auth_enabled"], status["mode"], status["iam_url"]) == (True, "jwt", None)
    for path in ("/health", "/docs", "/openapi.json"):
        assert place.get(path, "x").status_code == 200
    place.root.rename(place.root.with_name("elsewhere"))
    refused = place.get("/health/ready")
    assert refused.status_code == 503
    assert str(place.root) not in refused.text


def test_clients_of_the_hub_are_told_in_their_words(place: Place) -> None:
    missing = place.get("/hf/api/models/own/m")
    assert (missing.status_code, missing.headers["X-Error-Code"]) == (401, "RepoNotFound")
    reader = place.issuer.token(sub="reader")
    gated = place.get("/hf/own/m/resolve/main/metrics.json", reader)
    assert (gated.status_code, gated.headers["X-Error-Code"]) == (403, "GatedRepo")
    assert place.get("/hf/api/models/public/m").status_code == 200


def test_no_cache_gives_to_one_what_another_was_given(place: Place) -> None:
    kept = {
        "/hf/public/m/resolve/1/model.pt": (307, "private, no-cache"),
        "/v1/files/public/m/1/model.pt": (200, "private, no-cache"),
        "/hf/public/m/resolve/1/nothing": (404, "no-store"),
        show("public"): (200, "no-store"),
    }
    for path, expected in kept.items():
        answer = place.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == expected
        assert {"authorization", "cookie"} <= {name.lower() for name in answer.vary}


def test_no_token_is_in_any_log_or_answer_or_file(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    reader = place.issuer.token(sub="reader")
    caplog.set_level(logging.DEBUG)
    told = ""
    for token in (reader, place.token, "wrong-but-secret"):
        for path in (show("own"), show("foreign"), "/v1/models", "/hf/own/m/resolve/main/metrics.json"):
            answer = place.get(path, token)
            told += answer.text + str(answer.headers)
    told += caplog.text + "".join(str(vars(record)) for record in caplog.records)
    told += "".join(file.read_text(errors="replace") for file in place.root.rglob("*") if file.is_file())
    assert not [token for token in (reader, place.token, "wrong-but-secret") if token in told]
    denied = [record for record in caplog.records if record.message == "denied"]
    assert denied
    assert vars(denied[0])["principal_sub"] == "reader"

"""Who calls, the rules and the tokens over HTTP: who may ask for what, and where a new token is kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.config import PLATFORM_AUDIENCE, PLATFORM_ISSUER, IdentitySettings, Settings
from registry_core import CoreSettings, ModelRegistry

from ...core.access.ruled import written
from ...support.issuer import AUDIENCE, IssuerServer, issuer_server
from ...support.old_registry import OldRegistry

RULES = written(
    admins=["user:ops", "token:ops-*"],
    blocked=["user:left"],
    rules=[{"who": ["authenticated"], "on": ["own/*"], "role": "publisher"}],
)
CALLER = {"kind", "subject", "issuer", "name", "groups", "org", "permissions", "via", "token_id", "expires_at"}

SECRET = "a secret that tests share with nobody else"


class Place:
    def __init__(self, root: Path, issuer: IssuerServer) -> None:
        self.root, self.issuer = root, issuer
        self.registry = ModelRegistry.open(settings=CoreSettings(root=str(root)))
        self.registry.set_access_rules(RULES)
        self.service = self.registry.create_token("service", "ci").token
        self.admin_service = self.registry.create_token("service", "ops-bot").token
        identity = IdentitySettings("required", oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
        settings = Settings(core=CoreSettings(root=str(root)), threads=8, identity=identity)
        self.client: FlaskClient = create_app(settings).test_client()

    def of(self, who: str | None) -> str | None:
        """The token of somebody: a service's, or one that the issuer gives to that subject."""
        services = {"ci": self.service, "ops-bot": self.admin_service}
        return None if who is None else services.get(who) or self.issuer.token(sub=who, groups=["ml"])

    def ask(self, method: str, path: str, token: str | None = None, body: Any = None, **query: str) -> TestResponse:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        sent = {"data": body, "content_type": "application/json"} if isinstance(body, bytes) else {"json": body}
        return self.client.open(path, method=method, headers=headers, query_string=query, **sent)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "root").mkdir()
    with issuer_server() as issuer:
        yield Place(tmp_path / "root", issuer)


def said(answer: TestResponse) -> tuple[int, str | None]:
    return answer.status_code, answer.json.get("code")


def test_each_caller_is_told_who_it_is(place: Place) -> None:
    person = place.ask("GET", "/v1/auth/me", place.of("u1")).json
    assert person.keys() == CALLER | {"ok", "is_admin"}
    assert (person["kind"], person["subject"], person["issuer"]) == ("user", "u1", place.issuer.url)
    assert (person["groups"], person["is_admin"], person["token_id"]) == (["ml"], False, None)
    assert place.ask("GET", "/v1/auth/me", place.of("ops")).json["is_admin"]
    service = place.ask("GET", "/v1/auth/me", place.service).json
    assert (service["kind"], service["name"], service["subject"], service["is_admin"]) == ("service", "ci", None, False)
    assert service["token_id"] in place.service
    assert said(place.ask("GET", "/v1/auth/me")) == (401, "unauthenticated")
    assert said(place.ask("GET", "/v1/auth/me", place.of("left"))) == (403, "permission_denied")


def test_clients_of_the_hub_are_told_who_they_are(place: Place) -> None:
    service = place.ask("GET", "/hf/api/whoami-v2", place.service).json
    assert (service["name"], service["auth"]["accessToken"]["displayName"] in place.service) == ("ci", True)
    verified = place.issuer.token(sub="u1", email="pat@lab.example", email_verified=True)
    assert place.ask("GET", "/hf/api/whoami-v2", verified).json["name"] == "pat@lab.example"
    assert place.ask("GET", "/hf/api/whoami-v2", place.of("u1")).json["name"] == "u1"
    refused = place.ask("GET", "/hf/api/whoami-v2")
    assert (refused.status_code, refused.headers["X-Error-Code"]) == (401, "RepoNotFound")


ADMINS = ("ops", "ops-bot")
EVERYBODY = (None, "u1", "left", "ci", *ADMINS)
TRY = {"who": "user:u1", "action": "promote", "task": "own", "model_name": "m", "alias": "latest"}
# Call -> who is not refused. What is sent changes nothing that the others depend on.
CALLS: dict[tuple[str, str], tuple[tuple[str | None, ...], dict[str, Any]]] = {
    ("GET", "/v1/access"): (ADMINS, {}),
    ("GET", "/v1/access/try"): (ADMINS, TRY),
    ("PUT", "/v1/access"): (ADMINS, {"body": RULES}),
    ("GET", "/v1/tokens"): (("u1", "ci", *ADMINS), {}),
    ("POST", "/v1/tokens"): (ADMINS, {"body": {"kind": "service", "name": "new"}}),
    ("POST", "/v1/tokens?"): (("u1", "ops"), {"body": {"kind": "personal", "name": "laptop"}}),
    ("DELETE", "/v1/tokens/0123456789abcdef"): (("u1", "ci", *ADMINS), {}),
}


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_who_may_ask_for_what(place: Place, call: tuple[str, str], who: str | None) -> None:
    allowed, sent = CALLS[call]
    answer = place.ask(*call, place.of(who), **sent)
    if who in allowed:
        assert answer.status_code < 300 or said(answer) == (404, "token_not_found"), answer.text
    elif who is None:
        assert said(answer) == (401, "unauthenticated")
    else:
        is_token_for_a_token = call[1] == "/v1/tokens?" and who in ("ci", "ops-bot")
        assert said(answer) == ((422, "invalid_parameter") if is_token_for_a_token else (403, "permission_denied"))


def test_rules_are_set_as_they_were_read(place: Place) -> None:
    ops = place.of("ops")
    read = place.ask("GET", "/v1/access", ops).json
    assert read["document"] == json.loads(RULES)
    closed = json.dumps({**read["document"], "rules": []}, indent=2).encode()
    done = place.ask("PUT", "/v1/access", ops, closed, expected_seq=str(read["seq"]), reason="closed")
    assert (done.status_code, done.json["seq"] > read["seq"]) == (200, True)
    moved = place.ask("PUT", "/v1/access", ops, RULES, expected_seq=str(read["seq"]))
    assert said(moved) == (409, "access_moved")
    assert (moved.json["expected_seq"], moved.json["actual_seq"]) == (read["seq"], done.json["seq"])
    kept = place.root / "log" / "documents"
    assert closed in {path.read_bytes() for path in kept.iterdir()}, "it is kept as it was sent"
    event = place.registry.registry_history(after=read["seq"]).events[-1]
    assert (event.actor, event.reason) == ("ops", "closed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"schema": "omr-access/1", "admins": ["user:ops"], "blocked": ["user:u1"], "blocked": []}', "blocked"),
        (b'{"schema": "omr-access/1", "admins": ["user:ops"], "owners": []}', "owners"),
        (b'{"schema": "omr-access/1", "admins": []}', "admins"),
        (b'{"schema": "omr-access/1", "admins": ["user:ops"], "blocked": ["user:ops"]}', "admins"),
    ],
)
def test_a_document_that_is_not_understood_changes_nothing(place: Place, body: bytes, field: str) -> None:
    before = place.registry.access_rules()
    refused = place.ask("PUT", "/v1/access", place.of("ops"), body)
    assert said(refused) == (422, "invalid_parameter")
    assert refused.json["field"] == field
    assert place.registry.access_rules() == before


def test_rules_are_tried(place: Place) -> None:
    tried = place.ask("GET", "/v1/access/try", place.of("ops"), **TRY).json
    assert {name: tried[name] for name in ("allowed", "rules", "is_admin", "is_blocked")} == {
        **{"allowed": True, "rules": [0]},
        **{"is_admin": False, "is_blocked": False},
    }
    wrong = place.ask("GET", "/v1/access/try", place.of("ops"), **{**TRY, "who": "somebody"})
    assert said(wrong) == (422, "invalid_parameter")


def test_a_token_is_made_used_listed_and_ended(place: Place) -> None:
    person = place.of("u1")
    body = {"kind": "personal", "name": "laptop", "role": "viewer", "on": ["own/*"], "days": 2}
    made = place.ask("POST", "/v1/tokens", person, body)
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    token = made.json["token"]
    me = place.ask("GET", "/v1/auth/me", token).json
    assert (me["subject"], me["token_id"], me["expires_at"]) == ("u1", made.json["id"], made.json["expires_at"])
    listed = place.ask("GET", "/v1/tokens", person)
    assert [one["id"] for one in listed.json["tokens"]] == [made.json["id"]]
    assert (listed.json["tokens"][0]["role"], listed.json["tokens"][0]["on"]) == ("viewer", ["own/*"])
    assert {one["name"] for one in place.ask("GET", "/v1/tokens", place.of("ops")).json["tokens"]} == {
        *("ci", "ops-bot", "laptop")
    }
    other = place.ask("DELETE", f"/v1/tokens/{made.json['id']}", place.of("u2"))
    assert said(other) == (404, "token_not_found")
    ended = place.ask("DELETE", f"/v1/tokens/{made.json['id']}", token, reason="left on a bus")
    assert (ended.status_code, ended.json["id"]) == (200, made.json["id"])
    assert said(place.ask("GET", "/v1/auth/me", token)) == (401, "invalid_token")
    assert place.registry.registry_history().events[-1].reason == "left on a bus"


def test_a_new_token_is_in_its_answer_and_nowhere_else(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A repeat under an idempotency key is another token: the answer is not kept."""
    caplog.set_level(logging.DEBUG)
    body = {"kind": "personal", "name": "laptop"}
    headers = {"Authorization": f"Bearer {place.of('u1')}", "Idempotency-Key": "k", "Prefer": "respond-async"}
    made = [place.client.post("/v1/tokens", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    tokens = [answer.json["token"] for answer in made]
    assert tokens[0] != tokens[1]
    told = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    told += "".join(path.read_text(errors="replace") for path in place.root.rglob("*") if path.is_file())
    told += place.ask("GET", "/v1/tokens", place.of("ops")).text
    assert not [token for token in tokens if token in told or token.split("_")[2] in told]
    assert tokens[0] not in repr(place.registry.create_token("service", "other"))


def test_what_callers_are_told_of_access_is_stored_by_no_cache(place: Place) -> None:
    for path in ("/v1/auth/me", "/v1/access", "/v1/tokens"):
        answer = place.ask("GET", path, place.of("ops"))
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        assert {"authorization", "cookie"} <= {name.lower() for name in answer.vary}


def test_where_nobody_is_asked_who_calls_nobody_sets_rules(tmp_path: Path) -> None:
    client = create_app(Settings(core=CoreSettings(root=str(tmp_path)), threads=8)).test_client()
    me = client.get("/v1/auth/me", headers={"Authorization": "Bearer whatever"}).json
    assert (me["kind"], me["is_admin"]) == ("anonymous", False)
    assert client.get("/hf/api/whoami-v2").json["name"] == "anonymous"
    for (method, path), (_, sent) in CALLS.items():
        body = sent.get("body")
        raw = {"data": body, "content_type": "application/json"} if isinstance(body, bytes) else {"json": body}
        query = {} if body is not None else sent
        refused = client.open(path, method=method, query_string=query, **raw)
        assert said(refused) == (403, "permission_denied"), path
        assert "omr --root" in refused.json["detail"]
    assert not ModelRegistry.open(tmp_path).is_ruled


# whose the models of older software are


class Platform:
    """No access document was ever set: the platform says who may do what. ``celltype/human_pbmc`` is legacy_unowned."""

    def __init__(self, root: Path) -> None:
        model = OldRegistry(root).model().version("1").owned_by(None)
        self.document = model.directory / "ownership.json"
        self.document.write_text(self.document.read_text().replace('"unowned"', '"legacy_unowned"'))
        identity = IdentitySettings("required", iam_url="http://127.0.0.1:9", jwt_secret=SECRET)
        settings = Settings(core=CoreSettings(root=str(root)), threads=8, identity=identity)
        self.client: FlaskClient = create_app(settings).test_client()

    def ask(self, method: str, path: str, *scopes: str, org: int = 7, **more: Any) -> TestResponse:
        said = {"iss": PLATFORM_ISSUER, "aud": PLATFORM_AUDIENCE, "type": "access", "client_id": f"of-{org}"}
        ends = datetime.now(UTC) + timedelta(hours=1)
        token = jwt.encode({**said, "org_id": org, "scopes": list(scopes), "exp": ends}, SECRET, "HS256")
        return self.client.open(path, method=method, headers={"Authorization": f"Bearer {token}"}, **more)

    def resolve(self, *scopes: str, org: int = 7, model: str = "human_pbmc", **more: Any) -> TestResponse:
        body = {"task": "celltype", "model_name": model, **more}
        return self.ask("POST", "/v1/ownership/resolve", *scopes, org=org, json=body)

    def listed(self, org: int = 7) -> int:
        return len(self.ask("GET", "/v1/models", "model.read", org=org).json)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path / "root")


def test_a_model_of_older_software_becomes_the_callers_organizations(platform: Platform) -> None:
    assert platform.listed() == 0
    done = platform.resolve("model.resolve_ownership", actor="somebody", reason="ours")
    assert (done.status_code, done.json) == (
        200,
        {"ok": True, "task": "celltype", "model_name": "human_pbmc", "organization_id": "7", "status": "owned"}
        | {"seq": done.json["seq"], "already_resolved": False},
    )
    again = platform.resolve("model.resolve_ownership").json
    assert (again["already_resolved"], again["seq"]) == (True, done.json["seq"])
    assert (platform.listed(), platform.listed(org=8)) == (1, 0)
    written_down = json.loads(platform.document.read_text())
    assert (written_down["organization_id"], written_down["status"]) == ("7", "owned")
    history = platform.ask("GET", "/v1/history?task=celltype&model=human_pbmc", "model.read").json["events"][-1]
    assert (history["event"], history["owner"], history["actor"]) == ("own", "7", "client:of-7")
    assert (history["claimed_actor"], history["reason"]) == ("somebody", "ours")


def test_what_it_takes_to_resolve_whose_a_model_is(platform: Platform) -> None:
    assert said(platform.client.post("/v1/ownership/resolve", json={})) == (401, "unauthenticated")
    for scopes in ((), ("model.read", "model.use")):
        assert said(platform.resolve(*scopes)) == (403, "permission_denied")
    taken = platform.resolve("model.resolve_ownership", org=8, organization_id="7")
    assert (taken.status_code, taken.json["organization_id"]) == (200, "8"), "whose it becomes is not sent"
    assert said(platform.resolve("model.resolve_ownership")) == (403, "permission_denied")
    foreign, missing = (platform.resolve("model.resolve_ownership", model=name).json for name in ("human_pbmc", "none"))
    foreign.pop("request_id"), missing.pop("request_id")
    assert json.dumps(foreign).replace("human_pbmc", "none") == json.dumps(missing)
    path = "/v1/resolve?task=celltype&ref=human_pbmc@1"
    assert said(platform.ask("GET", path, "model.resolve_ownership", org=8)) == (404, "model_not_found")
    assert platform.ask("GET", path, "model.use", org=8).status_code == 200


def test_where_nobody_is_asked_who_calls_nobody_resolves(tmp_path: Path) -> None:
    OldRegistry(tmp_path / "root").model().version("1")
    client = create_app(Settings(core=CoreSettings(root=str(tmp_path / "root")))).test_client()
    refused = client.post("/v1/ownership/resolve", json={"task": "celltype", "model_name": "human_pbmc"})
    assert said(refused) == (403, "permission_denied")

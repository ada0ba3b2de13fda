"""Who has done what, as each answer over HTTP tells it: those who are known are told all, and nobody is told a name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.config import IdentitySettings, Settings
from registry_client import RegistryClient
from registry_core import CoreSettings, ModelRegistry
from registry_core.access.governing import create_token
from registry_core.access.tokens import TokenKind
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.access.ruled import journal_of, put, written
from ..support.issuer import AUDIENCE, IssuerServer, issuer_server
from ..support.packages import write_package
from ..support.servers import gunicorn, wait_for

PERSON, CLAIMED, SERVICE, OLDER = "max@lab.example", "claimed-by-caller", "the-ci-service", "written-by-older"
RULES = written(
    admins=["user:max"],
    rules=[
        {"who": ["anonymous"], "on": ["public/*"], "role": "user"},
        {"who": ["authenticated"], "on": ["public/*"], "role": "user"},
        {"who": [f"token:{SERVICE}"], "on": ["public/*"], "role": "maintainer"},
    ],
)


class Place:
    """public/m has been changed by a person, by a service's token, and by older software."""

    def __init__(self, root: Path, source: Path, issuer: IssuerServer) -> None:
        journal = journal_of(FilesystemStorage(root))
        older = root / "tasks" / "public" / "models" / "m" / "audit" / "promotions.jsonl"
        older.parent.mkdir(parents=True)
        older.write_text(json.dumps({"alias": "a", "version": "0", "actor": OLDER, "user": OLDER}) + "\n")
        put(journal.storage, RULES)
        made = create_token(journal, TokenKind.SERVICE, SERVICE)
        self.root, self.issuer, self.token_id = root, issuer, made.kept.id
        self.known = issuer.token(sub="reader")
        self.person = issuer.token(sub="max", email=PERSON, email_verified=True)
        identity = IdentitySettings("required", oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
        core = CoreSettings(root=str(root), artifacts_allowed_roots=(str(source.parent),))
        self.client: FlaskClient = create_app(Settings(core=core, threads=8, identity=identity)).test_client()
        model = {"task": "public", "model_name": "m"}
        for version in ("1", "2"):
            package = {**model, "version": version, "artifacts_dir": str(source), "actor": CLAIMED}
            assert self.post("/v1/register", self.person, package).status_code == 201
        moved = {**model, "alias": "production", "version": "1", "actor": CLAIMED}
        assert self.post("/v1/promote", made.text, moved).status_code == 200
        gone = {**model, "version": "2", "reason": "why", "actor": CLAIMED}
        assert self.post("/v1/promote", self.person, {**model, "alias": "latest", "version": "1"}).status_code == 200
        removed = self.client.delete("/v1/versions", json=gone, headers=bearer(self.person))
        assert removed.json["actor"] == PERSON
        point = {**model, "run_id": "r", "key": "loss", "value": 1.0, "actor": CLAIMED}
        assert self.post("/v1/runs/log-metric", self.person, point).status_code in (200, 201)
        self.names = (PERSON, CLAIMED, SERVICE, OLDER, issuer.url, '"max"', self.token_id)

    def post(self, path: str, token: str | None, body: dict[str, Any], **headers: str) -> TestResponse:
        return self.client.post(path, json=body, headers={**bearer(token), **headers})

    def get(self, path: str, token: str | None = None) -> TestResponse:
        return self.client.get(path, headers=bearer(token))

    def text(self, path: str, token: str | None = None) -> str:
        """Of the stream of events the first of them."""
        answer = self.client.get(path, headers=bearer(token))
        if answer.content_type != "text/event-stream":
            return str(answer.headers) + answer.text
        said = "".join(part if isinstance(part, str) else part.decode() for part in islice(answer.response, 7))
        answer.close()
        return said


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "root").mkdir()
    write_package(tmp_path / "source")
    with issuer_server() as issuer:
        yield Place(tmp_path / "root", tmp_path / "source", issuer)


OF = "task=public&model=m"
# Path -> the names that those who are known are told there.
TOLD: dict[str, tuple[str, ...]] = {
    f"/v1/history?{OF}": (PERSON, CLAIMED, SERVICE, OLDER),
    f"/v1/history?{OF}&order=desc": (PERSON, SERVICE, OLDER),
    "/v1/history?limit=1000": (PERSON, SERVICE, OLDER),
    "/v1/events?after=0": (PERSON, CLAIMED, SERVICE, OLDER),
    f"/v1/aliases?{OF}": (PERSON, SERVICE),
    f"/v1/aliases?{OF}&as_of=2100-01-01T00:00:00Z": (PERSON, SERVICE, OLDER),
    f"/v1/aliases/spans?{OF}": (PERSON, SERVICE, OLDER),
    f"/v1/versions/deleted?{OF}": (PERSON,),
    "/v1/resolve?task=public&ref=m@2": (PERSON,),
    "/v1/show?task=public&ref=m@2": (PERSON,),
    "/v1/show?task=public&ref=m@1": (),
    "/v1/show?task=public&ref=m@latest&as_of=2100-01-01T00:00:00Z": (),
    "/v1/models": (),
    "/v1/models?sort=-created_at&limit=1": (),
    "/v1/models/summary": (PERSON, SERVICE),
    "/v1/tasks": (),
    f"/v1/runs/get?{OF}&run_id=r": (PERSON,),
    f"/v1/runs/list?{OF}": (PERSON,),
    "/v1/metrics?task=public&ref=m@1": (PERSON,),
    "/v1/artifacts?task=public&ref=m@1": (),
    f"/v1/compare?{OF}&versions=1,2": (),
    f"/v1/audit/verify?{OF}": (),
    "/v1/files/public/m/2/model.pt": (PERSON,),
    "/v1/archive/public/m/2": (PERSON,),
    "/hf/api/models/public/m": (),
    "/hf/api/models/public/m/refs": (),
    "/hf/api/models/public/m/commits/main": (PERSON,),
    "/hf/public/m/resolve/2/model.pt": (PERSON,),
    "/hf/api/models": (),
}


@pytest.mark.parametrize("path", TOLD)
def test_nobody_is_told_a_name_and_those_who_are_known_are(place: Place, path: str) -> None:
    known, nobody = place.text(path, place.known), place.text(path)
    assert {name for name in (PERSON, CLAIMED, SERVICE, OLDER) if name in known} == set(TOLD[path])
    assert not [name for name in place.names if name in nobody]


def test_every_other_route_that_reads_names_nobody_to_nobody(place: Place) -> None:
    rules = {one.rule for one in place.client.application.url_map.iter_rules() if "GET" in (one.methods or ())}
    adapter = place.client.application.url_map.bind("localhost")
    seen = {adapter.match(path.partition("?")[0], method="GET", return_rule=True)[0].rule for path in TOLD}
    names = {"task": "public", "model_name": "m", "selector": "1", "revision": "main", "path": "model.pt"}
    for rule in rules - seen:
        path = re.sub(r"<(?:path:)?([a-z_]*)>", lambda part: names.get(part[1], "x"), rule)
        assert not [name for name in place.names if name in place.text(path)], path


def test_an_event_says_who_it_was_and_beside_it_whom_the_caller_named(place: Place) -> None:
    events = place.get(f"/v1/history?{OF}", place.known).json["events"]
    of_person, of_service = events[1], events[3]
    assert (of_person["actor"], of_person["claimed_actor"]) == (PERSON, CLAIMED)
    assert of_person["principal"] == {"sub": "max", "iss": place.issuer.url, "kind": "user", "via": "jwt"}
    assert (of_service["actor"], of_service["claimed_actor"]) == (SERVICE, CLAIMED)
    assert of_service["principal"] == {"kind": "service", "via": "token", "token_id": place.token_id}
    silent = events[4]
    assert (silent["actor"], silent["claimed_actor"], silent["principal"]["sub"]) == (PERSON, None, "max")
    streamed = place.text("/v1/events?after=0", place.known)
    assert json.dumps(of_person["principal"], separators=(", ", ": ")) in streamed


def test_no_digest_that_nobody_is_told_tells_names_that_can_be_guessed(place: Place) -> None:
    journal = place.root / "tasks" / "public" / "models" / "m" / "audit" / "promotions.jsonl"
    digests = [hashlib.sha256(line).hexdigest() for line in journal.read_bytes().splitlines()]
    digests.append(hashlib.sha256(journal.read_bytes().splitlines(keepends=True)[0]).hexdigest())
    proof = f"/v1/audit/verify?{OF}"
    wrong = f"{proof}&expect_head=3:{'0' * 64}"
    told = [place.text(path) for path in (f"/v1/history?{OF}", "/v1/events?after=0", proof, wrong)]
    assert not [digest for digest in digests if digest in "".join(told)]
    assert place.get(proof).json["events"] == len(digests) - 1
    known = [place.text(path, place.known) for path in (f"/v1/history?{OF}", proof)]
    assert digests[-2] in known[1]
    assert digests[0] not in known[0]  # the chain begins with all bytes before
    assert digests[1] in known[0]
    right = place.get(f"{proof}&expect_head={len(digests) - 1}:{digests[-2]}")
    assert (right.status_code, right.json["head"]) == (200, None)


def is_done(operation: dict[str, Any]) -> bool:
    return operation["state"] != "running"


def test_an_operation_names_nobody_to_nobody(place: Place) -> None:
    body = {"task": "public", "ref": "m@2"}
    begun = place.post("/v1/verify", None, body, Prefer="respond-async").json
    told = wait_for(lambda: place.get(begun["url"]).json, is_done, "the operation goes on")
    assert told["error"]["deleted"]["actor"] is None
    assert not [name for name in place.names if name in json.dumps(told)]
    begun = place.post("/v1/verify", place.known, body, Prefer="respond-async").json
    told = wait_for(lambda: place.get(begun["url"], place.known).json, is_done, "the operation goes on")
    assert told["error"]["deleted"]["actor"] == PERSON
    assert place.get(begun["url"]).status_code == 404


def test_a_person_without_a_name_that_is_verified_is_called_by_the_subject(place: Place) -> None:
    unverified = place.issuer.token(sub="max", email="other@lab.example", email_verified=False)
    body = {"task": "public", "model_name": "m", "version": "1", "key": "k", "value": "v", "actor": "me"}
    assert place.client.put("/v1/tags", json=body, headers=bearer(unverified)).status_code == 200
    event = place.get(f"/v1/history?{OF}&event=tag", place.known).json["events"][0]
    assert (event["actor"], event["claimed_actor"], event["principal"]["sub"]) == ("max", "me", "max")


def test_the_library_and_its_client_are_told_the_same(place: Place) -> None:
    """By a service in open mode, where whoever asks is told all."""
    local = ModelRegistry.open(settings=CoreSettings(root=str(place.root)))
    with gunicorn(place.root, env={"OMNIBIOAI_MODEL_REGISTRY_AUTH": "open"}) as server:
        client = RegistryClient(server.url)
        asked: list[Callable[[Any], Any]] = [
            lambda registry: registry.history("public", "m"),
            lambda registry: registry.list_aliases("public", "m"),
            lambda registry: registry.list_aliases("public", "m", "2100-01-01T00:00:00Z"),
            lambda registry: registry.list_deleted("public", "m"),
            lambda registry: registry.alias_spans("public", "m", limit=1),
            lambda registry: registry.run("public", "m", "r"),
            lambda registry: registry.audit_verify("public", "m"),
        ]
        for ask in asked:
            assert ask(client) == ask(local)
        event = client.history("public", "m").events[1]
    assert (event.actor, event.claimed_actor) == (PERSON, CLAIMED)
    assert event.principal == {"sub": "max", "iss": place.issuer.url, "kind": "user", "via": "jwt"}


def test_nor_where_documents_are_damaged_and_the_journal_says_what_they_said(place: Place) -> None:
    model = place.root / "tasks" / "public" / "models" / "m"
    for document in (*model.glob("aliases/*.json"), *model.glob("deleted/*/tombstone.json")):
        document.chmod(0o644)
        document.write_text("{")
    said = {path: place.text(path) for path in TOLD}
    assert not [name for name in place.names if name in "".join(said.values())]
    assert "this is what the journal says" in said[f"/v1/aliases?{OF}"]
    assert PERSON in place.text("/v1/show?task=public&ref=m@2", place.known)

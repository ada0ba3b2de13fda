"""Attestations and findings over HTTP: bytes that come back as they were sent, and who may take away what blocks."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from registry_core import REVIEW_PREDICATE, CoreSettings, ModelRegistry, sign_statement

from ...core.access.ruled import written
from ...core.evidence.attested import moment
from ...core.evidence.governed import KEYS, NO_FINDING, policy, trust
from ...core.evidence.signers import enveloped, private, statement
from ...support.packages import write_files

SLSA = "https://slsa.dev/provenance/v1"
ROLES = {"maintains": "maintainer", "approves": "approver", "writes": "publisher"}
VERSION = {"task": "t", "model_name": "m", "version": "1"}
QUERY = {"task": "t", "ref": "m@1"}
MIB = 1024 * 1024


class Place:
    """Version 1 of a model, registered by ``writes``; who calls has a token of the registry, or is asked nothing."""

    def __init__(self, area: Path, *, is_ruled: bool) -> None:
        self.root, source = area / "root", write_files(area / "source", {"model.pt": b"x"})
        self.root.mkdir()
        core = CoreSettings(root=str(self.root), artifacts_allowed_roots=(str(area),), workers=1)
        self.registry = ModelRegistry.open(settings=core)
        self.registry.set_trust_document(trust())
        self.tokens: dict[str, str] = {}
        if is_ruled:
            rules = [{"who": [f"token:{who}"], "on": ["t/*"], "role": role} for who, role in ROLES.items()]
            rules.append({"who": ["token:narrow"], "on": ["t/*"], "role": "publisher", "aliases": ["candidate"]})
            self.registry.set_access_rules(
                written(admins=["token:chief"], protected_aliases=["production"], rules=rules)
            )
            self.tokens = {who: self.registry.create_token("service", who).token for who in (*ROLES, "narrow", "chief")}
        self.client: FlaskClient = create_app(Settings(core=core, threads=8)).test_client()
        self.ok("writes", "POST", "register", {**VERSION, "artifacts_dir": str(source), "set_alias": None})
        self.sha256 = str(self.registry.resolve("t", "m@1").package_digest).removeprefix("sha256:")

    def ask(self, who: str, method: str, path: str, body: Any = None, **query: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if self.tokens else {}
        sent = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        return self.client.open(f"/v1/{path}", method=method, headers=headers, query_string=query, **sent)

    def ok(self, who: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.ask(who, method, path, body, **query)
        assert answer.status_code < 300, answer.text
        return answer.json

    def review(self, decision: str = "approve", person: str = "ada") -> bytes:
        said = {"decision": decision, "reviewed_at": moment(len(self.events()))}
        return sign_statement(KEYS.get(person) or private(number=999), "t/m@1", self.sha256, REVIEW_PREDICATE, said)

    def provenance(self, **predicate: Any) -> bytes:
        said = statement(predicate, predicate_type=SLSA, name="t/m@1", sha256=self.sha256)
        return enveloped(said, KEYS["ci"])

    def find(self, severity: str = "blocking") -> dict[str, Any]:
        """A finding, as whoever ends it names it."""
        opened = self.ok("writes", "POST", "findings", {**VERSION, "severity": severity, "title": "wrong"})
        return {**VERSION, "id": opened["id"], "reason": "mended"}

    def events(self) -> list[Any]:
        return list(self.registry.history("t", "m").events)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, is_ruled=True)


@pytest.fixture
def open_place(tmp_path: Path) -> Place:
    return Place(tmp_path, is_ruled=False)


def said(answer: TestResponse) -> tuple[int, str | None]:
    return answer.status_code, answer.json.get("code")


def test_what_is_sent_comes_back_byte_for_byte(place: Place) -> None:
    document = json.dumps({**json.loads(place.review()), "note": "ü"}, indent=3, ensure_ascii=False).encode() + b"\n\n"
    done = place.ok("writes", "POST", "attestations", document, **QUERY, reason="read it")
    sha256 = hashlib.sha256(document).hexdigest()
    assert (done["digest"], done["is_new"], done["signers"][0]["person"]) == (f"sha256:{sha256}", True, "ada")
    assert (done["actor"], done["version"], done["size_bytes"]) == ("writes", "1", len(document))
    got = place.ask("approves", "GET", f"attestations/t/m/1/{sha256}")
    assert (got.status_code, got.data) == (200, document)
    headers = {name: got.headers[name] for name in ("ETag", "Repr-Digest", "Content-Type", "Cache-Control")}
    assert headers == {
        "ETag": f'"{sha256}"',
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:",
        "Content-Type": "application/octet-stream",
        "Cache-Control": "private, no-cache",
    }
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Disposition"].startswith(f'attachment; filename="{sha256}.json"')
    path, bearer = f"/v1/attestations/t/m/1/{sha256}", {"Authorization": f"Bearer {place.tokens['approves']}"}
    for named in (path, f"/v1/attestations/t/m/1/sha256:{sha256.upper()}"):
        again = place.client.get(named, headers={**bearer, "If-None-Match": headers["ETag"]})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", headers["ETag"])
    assert said(place.client.get(path, headers={**bearer, "If-Match": '"another"'})) == (412, "http_412")
    head = place.client.head(path, headers=bearer)
    assert (head.data, head.headers["ETag"], head.content_length) == (b"", headers["ETag"], len(document))
    assert place.registry.attestation("t", "m", "1", sha256) == document
    listed = place.ok("approves", "GET", "attestations", **QUERY)["attestations"]
    assert [(one["seq"], one["digest"]) for one in listed] == [(done["seq"], done["digest"])]


def test_the_same_said_again_makes_no_event_however_it_is_wrapped(place: Place) -> None:
    document = place.review()
    first = place.ok("writes", "POST", "attestations", document, **QUERY)
    before = place.events()
    for again in (document, document + b" ", json.dumps(json.loads(document), indent=1).encode()):
        done = place.ok("approves", "POST", "attestations", again, **QUERY)
        assert (done["is_new"], done["seq"], done["digest"]) == (False, first["seq"], first["digest"])
    assert place.events() == before
    two = enveloped(base64.b64decode(json.loads(document)["payload"]), KEYS["ada"], KEYS["bob"])
    done = place.ok("writes", "POST", "attestations", two, **QUERY)
    assert (done["is_new"], [one["person"] for one in done["signers"]]) == (True, ["bob"])


def test_what_is_too_long_is_refused_with_what_is_taken(open_place: Place) -> None:
    place, before = open_place, open_place.events()
    for document, most in (
        (place.provenance(note="x" * MIB), MIB),
        (sign_statement(KEYS["ada"], "t/m@1", place.sha256, REVIEW_PREDICATE, {"comment": "x" * MIB}), MIB // 4),
    ):
        refused = place.ask("", "POST", "attestations", document, **QUERY)
        assert (said(refused), refused.json["why"]) == ((422, "attestation_refused"), "malformed")
        assert f"of its kind at most {most} are taken. Nothing was stored." in refused.json["detail"]
    refused = place.ask("", "POST", "attestations", bytes(16 * MIB + 1), **QUERY)
    assert said(refused) == (413, "body_too_large")
    assert refused.json["detail"] == f"The body is larger than the {16 * MIB} bytes that this call takes."
    chunked = {"Transfer-Encoding": "chunked"}
    environ = {"wsgi.input_terminated": True}
    for size, wanted in ((16 * MIB + 1, 413), (16 * MIB, 422), (16, 422)):
        with place.client as client:
            stream = io.BytesIO(b"[" * size)
            sent = client.post(
                "/v1/attestations", query_string=QUERY, input_stream=stream, headers=chunked, environ_overrides=environ
            )
        assert sent.status_code == wanted
    assert place.events() == before


def test_a_document_is_bytes_of_any_type_and_nothing_else(open_place: Place) -> None:
    """Whatever it is called, it is its own bytes; no form and no JSON of it is looked at."""
    place = open_place
    for n, kind in enumerate(("application/json", "application/x-www-form-urlencoded", "text/html", "no type", "")):
        document = place.provenance(n=n)
        done = place.client.post("/v1/attestations", query_string=QUERY, data=document, content_type=kind)
        assert (done.status_code, done.json["digest"]) == (200, f"sha256:{hashlib.sha256(document).hexdigest()}"), kind
        sent = place.client.get(f"/v1/attestations/t/m/1/{hashlib.sha256(document).hexdigest()}")
        assert (sent.data, sent.content_type) == (document, "application/octet-stream")


@pytest.mark.parametrize(
    ("document", "query", "code", "about"),
    [
        (b"", {}, "attestation_refused", "malformed"),
        (b"\xff\x00", {}, "attestation_refused", "malformed"),
        (b"[" * 100_000, {}, "attestation_refused", "malformed"),
        (b'{"payload": "", "payload": ""}', {}, "attestation_refused", "malformed"),
        (b"x", {"from_package": "model.pt"}, "invalid_parameter", "from_package"),
        (b"", {"from_package": "model.pt"}, "attestation_refused", "malformed"),
        (b"{}", {"reason": "x" * 100_000}, "invalid_parameter", "reason"),
    ],
)
def test_what_does_not_count_is_told_why(
    open_place: Place, document: bytes, query: dict[str, str], code: str, about: str
) -> None:
    before = open_place.events()
    refused = open_place.ask("", "POST", "attestations", document, **QUERY, **query)
    assert said(refused) == (422, code), refused.text
    assert about in (refused.json.get("why"), refused.json.get("field"))
    assert open_place.events() == before


def test_a_key_that_nobody_trusts_and_another_version_do_not_count(place: Place) -> None:
    forged = sign_statement(KEYS["ada"], "t/m@1", "0" * 64, REVIEW_PREDICATE, {"decision": "approve"})
    for document, why in ((forged, "malformed"), (place.review(person="eve"), "untrusted_key")):
        refused = place.ask("writes", "POST", "attestations", document, **QUERY)
        assert (said(refused), refused.json["why"]) == ((422, "attestation_refused"), why)
    assert said(place.ask("writes", "POST", "attestations", b"{}", task="t", ref="m@9")) == (404, "version_not_found")
    assert said(place.ask("writes", "GET", f"attestations/t/m/1/{'0' * 64}")) == (404, "attestation_not_found")
    for path in ("../model.pt", "missing", ""):
        refused = place.ask("writes", "POST", "attestations", b"", **QUERY, from_package=path)
        assert said(refused) == (404, "artifact_not_found"), path


# findings


def test_where_nobody_is_asked_who_calls_nothing_that_blocks_is_taken_away(open_place: Place) -> None:
    place = open_place
    reject = place.ok("", "POST", "attestations", place.review("reject"), **QUERY)["seq"]
    blocking, note = place.find(), place.find("note")
    before = place.events()
    for path, body in (
        ("findings/resolve", blocking),
        ("findings/dismiss", blocking),
        ("findings/dismiss", note),
        ("attestations/dismiss", {**VERSION, "id": reject, "reason": "no"}),
    ):
        refused = place.ask("", "POST", path, body)
        assert said(refused) == (403, "permission_denied"), path
        assert "'omr --root'" in refused.json["detail"]
    assert place.events() == before
    done = place.ok("", "POST", "findings/resolve", note)
    assert place.ok("", "POST", "findings/resolve", note)["seq"] == done["seq"], "it has ended by that event"
    place.registry.resolve_finding("t", "m", "1", blocking["id"], reason="whoever has the root may")
    assert place.ask("", "POST", "findings/resolve", blocking).status_code == 200, "nothing is kept back any more"


def test_a_blocking_finding_is_resolved_by_whoever_may_promote_all_that_it_keeps_back(place: Place) -> None:
    place.registry.set_policy("t", policy(NO_FINDING, task="t", alias="production"))
    finding = place.find()
    for who in ("narrow", "writes"):
        assert said(place.ask(who, "POST", "findings/resolve", finding)) == (403, "permission_denied"), who
    assert said(place.ask("approves", "POST", "findings/resolve", {**finding, "reason": " "})) == (
        422,
        "invalid_parameter",
    )
    place.ok("approves", "POST", "findings/resolve", finding)
    note = place.find("major")
    place.ok("narrow", "POST", "findings/resolve", note)
    # Where a gate guards what anybody may move who writes, whoever may move it resolves.
    place.registry.set_policy("t", policy(NO_FINDING, task="t", alias="candidate"))
    place.ok("narrow", "POST", "findings/resolve", place.find())
    # With two such gates it takes the right to move both aliases.
    place.registry.set_policy("*", policy(NO_FINDING, task="*", alias="prod*"), actor="chief")
    finding = place.find()
    assert said(place.ask("narrow", "POST", "findings/resolve", finding)) == (403, "permission_denied")
    place.ok("approves", "POST", "findings/resolve", finding)


def test_neither_who_registered_nor_who_signed_it_resolves_what_blocks_it(place: Place) -> None:
    everybody = {"who": [f"token:{who}" for who in ROLES], "on": ["t/*"], "role": "approver"}
    place.registry.set_access_rules(written(admins=["token:chief"], rules=[everybody]))
    finding = place.find()
    refused = place.ask("writes", "POST", "findings/resolve", finding)
    assert said(refused) == (403, "permission_denied")
    assert refused.json["detail"].startswith("You registered t/m@1")
    place.ok("approves", "POST", "findings/resolve", finding)


def test_only_admins_dismiss(place: Place) -> None:
    document = place.review("reject")
    reject = place.ok("writes", "POST", "attestations", document, **QUERY)["seq"]
    finding, about = place.find(), {**VERSION, "id": reject, "reason": "he was not asked"}
    for who in ("writes", "approves", "maintains"):
        for path, body in (("findings/dismiss", finding), ("attestations/dismiss", about)):
            assert said(place.ask(who, "POST", path, body)) == (403, "permission_denied"), (who, path)
    for path, body in (("findings/dismiss", finding), ("attestations/dismiss", about)):
        assert said(place.ask("chief", "POST", path, {**body, "reason": ""})) == (422, "invalid_parameter")
        done = place.ok("chief", "POST", path, body)
        assert (done["id"], done["seq"]) == (body["id"], place.events()[-1].seq)
    (one,) = place.ok("writes", "GET", "findings", **QUERY)["findings"]
    assert (one["is_open"], one["is_dismissed"], one["title"]) == (False, True, "wrong")
    (one,) = place.ok("writes", "GET", "attestations", **QUERY)["attestations"]
    assert one["dismissed_by"] == done["seq"]
    again = place.ok("writes", "POST", "attestations", document, **QUERY)
    assert (again["seq"], again["is_new"], again["dismissed_by"]) == (reject, False, done["seq"])
    assert said(place.ask("chief", "POST", "attestations/dismiss", {**about, "id": 1})) == (
        404,
        "attestation_not_found",
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"severity": "fatal"}, "severity"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "x" * 1001}, "title"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"title": 7}, "title"),
        ({"title": None}, "title"),
    ],
)
def test_a_finding_that_nobody_could_show(open_place: Place, change: dict[str, Any], field: str) -> None:
    before = open_place.events()
    body = {**VERSION, "severity": "note", "title": "t", **change}
    refused = open_place.ask("", "POST", "findings", body)
    assert (refused.status_code, refused.json["code"]) in ((422, "invalid_parameter"), (422, "invalid_request"))
    assert field in json.dumps([refused.json.get(part) for part in ("detail", "field", "errors")])
    assert open_place.events() == before

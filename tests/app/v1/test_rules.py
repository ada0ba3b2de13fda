"""Trust and policies over HTTP: for admins, as they are written; where nobody is asked who calls, to be read only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.vocabulary.texts import digest

from ...core.access.ruled import written
from ...core.evidence.ruled import policy_of, trust_of

JSON = {"content_type": "application/json"}


class Place:
    def __init__(self, root: Path, *, is_ruled: bool) -> None:
        self.registry = ModelRegistry.open(settings=CoreSettings(root=str(root)))
        self.headers: dict[str, str] = {}
        if is_ruled:
            self.registry.set_access_rules(written(admins=["token:chief"]))
            self.headers = {"Authorization": f"Bearer {self.registry.create_token('service', 'chief').token}"}
        self.client: FlaskClient = create_app(Settings(core=CoreSettings(root=str(root)), threads=8)).test_client()

    def ask(self, method: str, path: str, data: Any = None, **query: Any) -> tuple[int, dict[str, Any]]:
        sent = {} if data is None else {"data": data, **JSON}
        done = self.client.open(path, method=method, headers=self.headers, query_string=query, **sent)
        return done.status_code, done.get_json(silent=True) or {"bytes": done.data}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, is_ruled=True)


@pytest.fixture
def open_place(tmp_path: Path) -> Place:
    return Place(tmp_path, is_ruled=False)


def test_what_is_set_is_kept_as_it_is_written(place: Place) -> None:
    data = json.dumps(json.loads(trust_of("ada")), indent=3).encode()
    status, done = place.ask("PUT", "/v1/trust", data, reason="first", expected_seq=0)
    assert (status, done["digest"]) == (200, digest(data))
    status, told = place.ask("GET", "/v1/trust")
    assert (status, told["document"], told["reason"], told["actor"]) == (200, json.loads(data), "first", "chief")
    assert place.ask("GET", f"/v1/log/documents/{digest(data).removeprefix('sha256:')}") == (200, json.loads(data))
    assert place.registry.log_document(digest(data)) == data


@pytest.mark.parametrize("task", ["celltype", "*"])
def test_the_life_of_a_policy(place: Place, task: str) -> None:
    at = f"/v1/policies/{task}"
    assert place.ask("GET", at)[1]["code"] == "policy_not_found"
    status, tried = place.ask("POST", f"{at}/try", policy_of(task))
    assert (status, tried["aliases"], tried["holds"]) == (200, ["production"], False)
    status, done = place.ask("PUT", at, policy_of(task, alias="v*"))
    warnings = done["warnings"]
    assert (status, len(warnings), "'v*'" in warnings[0]) == (200, 1, True)
    assert place.ask("POST", f"{at}/try", policy_of(task, alias="v*"))[1]["warnings"] == warnings
    status, done = place.ask("PUT", at, policy_of(task))
    assert (status, "warnings" in done) == (200, False)
    status, told = place.ask("GET", at)
    assert (status, told["task"], told["seq"], told["document"]) == (
        200,
        task,
        done["seq"],
        json.loads(policy_of(task)),
    )
    listed = place.ask("GET", "/v1/policies")[1]["policies"]
    assert [(one["task"], one["seq"]) for one in listed] == [(task, done["seq"])]
    status, moved = place.ask("DELETE", at, expected_seq=1)
    assert (status, moved["code"], moved["actual_seq"]) == (409, "policy_moved", done["seq"])
    assert place.ask("DELETE", at, expected_seq=done["seq"])[1]["seq"] == done["seq"] + 1
    assert place.ask("GET", "/v1/policies")[1]["policies"] == []
    assert place.ask("GET", at, as_of=told["updated_at"])[1]["seq"] == done["seq"]


@pytest.mark.parametrize(
    ("method", "path", "data", "code", "field"),
    [
        ("PUT", "/v1/trust", trust_of(keyz=[]), "trust_invalid", "keyz"),
        ("PUT", "/v1/trust", b'{"schema": "omr-trust/1", "people": {}, "people": {}}', "trust_invalid", "people"),
        ("PUT", "/v1/policies/celltype", policy_of(gate=[]), "policy_invalid", "gate"),
        ("PUT", "/v1/policies/qc", policy_of(), "policy_invalid", "task"),
        ("POST", "/v1/policies/celltype/try", policy_of(models=[]), "policy_invalid", "models"),
        ("PUT", "/v1/policies/cell*", policy_of("cell*"), "policy_invalid", "task"),
    ],
)
def test_what_is_wrong_is_named(place: Place, method: str, path: str, data: bytes, code: str, field: str) -> None:
    before = place.registry.registry_history().events
    status, problem = place.ask(method, path, data)
    assert (status, problem["code"], problem["field"]) == (422, code, field)
    assert place.registry.registry_history().events == before


def test_where_nobody_is_asked_who_calls_only_the_root_sets_them(open_place: Place) -> None:
    place = open_place
    place.registry.set_trust_document(trust_of("ada"))
    place.registry.set_policy("celltype", policy_of())
    for method, path, data in (
        ("PUT", "/v1/trust", trust_of("eve")),
        ("PUT", "/v1/policies/celltype", policy_of(alias="staging")),
        ("DELETE", "/v1/policies/celltype", None),
    ):
        status, problem = place.ask(method, path, data)
        assert (status, problem["code"]) == (403, "permission_denied")
        assert "'omr --root'" in problem["detail"]
    assert place.ask("GET", "/v1/trust")[1]["document"]["people"] == {"ada": {}}
    assert place.ask("GET", "/v1/policies/celltype")[1]["seq"] == 2
    assert place.ask("POST", "/v1/policies/celltype/try", policy_of())[1]["holds"]
    assert len(place.registry.registry_history().events) == 2


def test_what_cannot_be_told_is_refused(open_place: Place, tmp_path: Path) -> None:
    open_place.registry.set_policy("celltype", policy_of())
    (tmp_path / "log/documents" / (digest(policy_of()).removeprefix("sha256:") + ".json")).unlink()
    status, problem = open_place.ask("GET", "/v1/policies/celltype")
    assert (status, problem["code"]) == (409, "policy_unreadable")
    assert [one["task"] for one in open_place.ask("GET", "/v1/policies")[1]["policies"]] == ["celltype"]

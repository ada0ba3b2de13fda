"""Each call of the contract, made by curl through gunicorn and through nginx, answers field by field."""

from __future__ import annotations

import hashlib
import re
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry_core import __version__

from ..support.packages import write_package
from .conftest import Service
from .curl import assert_problem, get, post

TASK = "celltype_sc"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
FILES = ["deep/er/label map.json", "empty", "model.pt", "model_meta.json"]


def sha256(path: Path) -> str:
    return "sha256:" + bare(path)


def bare(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Registered:
    """A version that this test registered, and the answer that it got."""

    service: Service
    model_name: str
    version: str
    answer: dict[str, Any]

    @property
    def url(self) -> str:
        return self.service.url

    @property
    def directory(self) -> Path:
        return self.service.root / f"tasks/{TASK}/models/{self.model_name}/versions/{self.version}"

    def ref(self, selector: str) -> str:
        return f"{self.model_name}@{selector}"


@pytest.fixture
def registered(service: Service) -> Registered:
    model_name = f"human_pbmc.{uuid.uuid4().hex[:8]}"
    source = write_package(service.area / model_name)
    body = {
        "task": TASK,
        "model_name": model_name,
        "version": "2024-01-15_001",
        "artifacts_dir": str(source),
        "metadata": {"framework": "torch 2", "dataset": "pbmc68k", "metrics": {"f1": 0.93}},
        "actor": "ada",
        "reason": "first",
    }
    answer = post(f"{service.url}/v1/register", body)
    assert answer.status == 201, answer.body
    assert answer.headers["content-type"] == "application/json"
    location = answer.headers["location"]
    assert location == f"/v1/show?task={TASK}&ref={model_name}%402024-01-15_001"
    followed = get(service.url + location)
    assert followed.status == 200
    assert followed.json["version"] == "2024-01-15_001"
    return Registered(service, model_name, "2024-01-15_001", answer.json)


def test_health(service: Service) -> None:
    answer = get(f"{service.url}/health")
    assert answer.status == 200
    assert answer.json == {
        "ok": True,
        "service": "omnibioai-model-registry",
        "version": __version__,
        "registry_root_configured": True,
    }


def test_register_answers_with_the_package(registered: Registered) -> None:
    answer, directory = registered.answer, registered.directory
    assert TIME.fullmatch(answer.pop("created_at"))
    assert answer == {
        "ok": True,
        "task": TASK,
        "model_name": registered.model_name,
        "version": registered.version,
        "package_path": str(directory),
        "package_digest": sha256(directory / "sha256sums.txt"),
        "hashes": {name: bare(directory / name) for name in FILES},
        "alias_set": "latest",
    }
    subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "sha256sums.txt"], cwd=directory, check=True)


def test_resolve_by_alias_and_by_version(registered: Registered) -> None:
    expected = {
        "ok": True,
        "path": registered.answer["package_path"],
        "task": TASK,
        "model_name": registered.model_name,
        "version": registered.version,
        "package_digest": registered.answer["package_digest"],
    }
    for selector, alias in (("latest", "latest"), (registered.version, None)):
        for verify, verified in ((None, True), ("true", True), ("false", False)):
            query = {"task": TASK, "ref": registered.ref(selector)} | ({"verify": verify} if verify else {})
            answer = get(f"{registered.url}/v1/resolve", **query)
            assert answer.status == 200, answer.body
            assert answer.json == {**expected, "alias": alias, "verified": verified}


def test_show(registered: Registered) -> None:
    expected = {
        "ok": True,
        "meta": {
            "framework": "torch 2",
            "dataset": "pbmc68k",
            "metrics": {"f1": 0.93},
            "task": TASK,
            "model_name": registered.model_name,
            "version": registered.version,
            "created_at": registered.answer["created_at"],
            "lineage": {"dataset": "pbmc68k", "run_id": None, "metrics": {"f1": 0.93}, "parent_version": None},
            "tags": {},
            "stage": "none",
            "description": None,
        },
        "package_dir": registered.answer["package_path"],
        "version": registered.version,
        "aliases": ["latest"],
        "tags": {},
        "stage": "none",
        "description": None,
        "package_digest": registered.answer["package_digest"],
    }
    for verify in ("false", "true"):
        answer = get(f"{registered.url}/v1/show", task=TASK, ref=registered.ref("latest"), verify=verify)
        assert (answer.status, answer.json) == (200, expected), answer.body
    assert get(f"{registered.url}/v1/show", task=TASK, ref=registered.ref("latest")).json == expected


def test_verify(registered: Registered) -> None:
    answer = post(f"{registered.url}/v1/verify", {"task": TASK, "ref": registered.ref("latest")})
    assert answer.status == 200, answer.body
    body = answer.json
    assert isinstance(body.pop("duration_s"), float)
    files = [path for path in registered.directory.rglob("*") if path.is_file()]
    assert body == {
        "ok": True,
        "version": registered.version,
        "files_checked": len(FILES),
        "bytes_checked": sum(path.stat().st_size for path in files if path.name != "sha256sums.txt"),
        "package_digest": registered.answer["package_digest"],
    }


def test_promote_aliases_and_history(registered: Registered) -> None:
    model_name, version = registered.model_name, registered.version
    body = {
        "task": TASK,
        "model_name": model_name,
        "alias": "production",
        "version": version,
        "actor": "grace",
        "reason": "reviewed",
    }
    first = post(f"{registered.url}/v1/promote", {**body, "expected_version": None})
    assert first.status == 200, first.body
    assert TIME.fullmatch(first.json["updated_at"])
    expected = {"ok": True, "alias": "production", "version": version, "previous_version": None, "seq": 2}
    assert first.json == {**expected, "updated_at": first.json["updated_at"]}
    again = post(f"{registered.url}/v1/promote", {**body, "expected_version": version})
    assert again.json == {
        **expected,
        "previous_version": version,
        "seq": 3,
        "updated_at": again.json["updated_at"],
    }
    moved = post(f"{registered.url}/v1/promote", {**body, "expected_version": "another"})
    assert_problem(moved, 409, "alias_moved")

    listed = get(f"{registered.url}/v1/aliases", task=TASK, model=model_name)
    assert listed.status == 200
    assert [sorted(alias) for alias in listed.json["aliases"]] == [
        ["actor", "alias", "reason", "seq", "updated_at", "version"]
    ] * 2
    latest, production = listed.json["aliases"]
    assert production == {
        "alias": "production",
        "version": version,
        "updated_at": again.json["updated_at"],
        "actor": "grace",
        "reason": "reviewed",
        "seq": 3,
    }
    assert latest == {**production, "alias": "latest", "updated_at": latest["updated_at"], "actor": "ada"} | {
        "reason": "first",
        "seq": 1,
    }
    assert listed.json == {"ok": True, "model_name": model_name, "aliases": [latest, production]}

    history = get(f"{registered.url}/v1/history", task=TASK, model=model_name)
    assert history.status == 200
    events = history.json["events"]
    assert history.json == {"ok": True, "events": events, "next": None}
    assert [event["seq"] for event in events] == [1, 2, 3]
    assert [event["event"] for event in events] == ["register", "promote", "promote"]
    assert (
        events[0].items()
        >= {
            "seq": 1,
            "event": "register",
            "task": TASK,
            "model_name": model_name,
            "version": version,
            "alias": "latest",
            "previous_version": None,
            "actor": "ada",
            "reason": "first",
            "ts_utc": events[0]["ts_utc"],
            "package_digest": registered.answer["package_digest"],
        }.items()
    )
    assert events[1]["ts_utc"] == first.json["updated_at"] < events[2]["ts_utc"] == again.json["updated_at"]
    page = get(f"{registered.url}/v1/history", task=TASK, model=model_name, limit="1", after="1")
    assert page.json == {"ok": True, "events": [events[1]], "next": 2}
    for filters, seqs in (
        ({"alias": "production"}, [2, 3]),
        ({"event": "register"}, [1]),
        ({"version": version, "after": "2"}, [3]),
        ({"version": "another"}, []),
    ):
        found = get(f"{registered.url}/v1/history", task=TASK, model=model_name, **filters)
        assert [event["seq"] for event in found.json["events"]] == seqs


def test_artifacts(registered: Registered) -> None:
    answer = get(f"{registered.url}/v1/artifacts", task=TASK, ref=registered.ref("latest"))
    assert answer.status == 200
    directory = registered.directory
    assert answer.json == {
        "ok": True,
        "version": registered.version,
        "files": [
            {
                "name": name,
                "sha256": bare(directory / name),
                "size_bytes": (directory / name).stat().st_size,
                "role": "manifest" if name == "sha256sums.txt" else None,
            }
            for name in [*FILES, "sha256sums.txt"]
        ],
    }
    names = {"task": TASK, "model_name": registered.model_name, "version": registered.version}
    asked = post(f"{registered.url}/v1/register/ask", names).json
    own = [file for file in answer.json["files"] if file["name"] not in ("model_meta.json", "sha256sums.txt")]
    assert asked["files"] == own


def test_auth_status(service: Service) -> None:
    answer = get(f"{service.url}/v1/auth/status")
    assert answer.status == 200
    assert answer.json == {"ok": True, "auth_enabled": False, "mode": "open", "iam_url": None}


def test_a_registration_without_alias(service: Service) -> None:
    source = write_package(service.area / "no-alias")
    body = {"task": TASK, "model_name": "plain", "version": "1", "artifacts_dir": str(source), "set_alias": None}
    answer = post(f"{service.url}/v1/register", body)
    assert answer.status == 201
    assert answer.json["alias_set"] is None
    assert get(f"{service.url}/v1/aliases", task=TASK, model="plain").json["aliases"] == []


def test_a_repeat_with_an_idempotency_key_gets_the_first_answer(service: Service) -> None:
    source = write_package(service.area / "idempotent")
    body = {"task": TASK, "model_name": "idempotent", "version": "1", "artifacts_dir": str(source)}
    key = ("-H", "Idempotency-Key: run-17")
    first = post(f"{service.url}/v1/register", body, *key)
    assert first.status == 201
    again = post(f"{service.url}/v1/register", body, *key)
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["location"] == first.headers["location"]
    assert_problem(post(f"{service.url}/v1/register", {**body, "version": "2"}, *key), 422, "idempotency_key_reused")
    assert len(get(f"{service.url}/v1/history", task=TASK, model="idempotent").json["events"]) == 1


def test_unknown_fields_are_named_in_warnings(registered: Registered) -> None:
    query = get(f"{registered.url}/v1/resolve", task=TASK, ref=registered.ref("latest"), verfy="false")
    assert query.status == 200
    assert query.json["verified"] is True
    assert len(query.json["warnings"]) == 1
    assert "'verfy'" in query.json["warnings"][0]
    body = {"task": TASK, "ref": registered.ref("latest"), "b": 1, "a": {"deep": []}}
    verified = post(f"{registered.url}/v1/verify", body)
    assert verified.status == 200
    assert ["'a'" in verified.json["warnings"][0], "'b'" in verified.json["warnings"][1]] == [True, True]


@pytest.mark.parametrize(
    ("text", "verified"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("False", False), ("0", False)],
)
def test_flags_may_be_spelled_as_clients_do(registered: Registered, text: str, verified: bool) -> None:
    answer = get(f"{registered.url}/v1/resolve", task=TASK, ref=registered.ref("latest"), verify=text)
    assert (answer.status, answer.json["verified"]) == (200, verified)


def test_a_flag_that_is_neither_is_refused(registered: Registered) -> None:
    answer = get(f"{registered.url}/v1/resolve", task=TASK, ref=registered.ref("latest"), verify="maybe")
    problem = assert_problem(answer, 422, "invalid_request")
    assert list(problem["errors"]) == ["verify"]

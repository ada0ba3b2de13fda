"""Runs over HTTP as deployed trainers send them and consoles read them: every field, with its type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from registry_core import CoreSettings

RUN = {"task": "celltype", "model_name": "pbmc", "run_id": "run-17"}
ASKED = {"task": "celltype", "model": "pbmc"}


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return create_app(Settings(core=CoreSettings(root=str(tmp_path)))).test_client()


def log(client: FlaskClient, call: str, expected: int = 200, **fields: Any) -> dict[str, Any]:
    # Not the test client's own JSON: it refuses what a careless client may send.
    body = json.dumps({**RUN, **fields})
    answer = client.post(f"/v1/runs/{call}", data=body, content_type="application/json")
    assert answer.status_code == expected, answer.text
    found: dict[str, Any] = answer.get_json()
    assert found["ok"] is (expected == 200)
    return found


def types(value: dict[str, Any]) -> dict[str, str]:
    return {name: type(field).__name__ for name, field in value.items()}


FACTS = {
    "task": "str",
    "model_name": "str",
    "run_id": "str",
    "status": "str",
    "started_at": "str",
    "finished_at": "str",
    "actor": "NoneType",
    "params": "dict",
    "tags": "dict",
    "metrics_summary": "dict",
}


def test_every_field_is_there_and_of_its_type(client: FlaskClient) -> None:
    log(client, "log-metric", key="loss", value=0.5, step=0)
    log(client, "log-param", key="lr", value=0.001)
    log(client, "log-batch", metrics=[{"key": "loss", "value": 1}], params={}, tags={})
    log(client, "log-batch", metrics=[], params={"epochs": 3}, tags={"host": "a"})
    log(client, "log-batch", metrics=None, params=None, tags=None)
    log(client, "end", status="finished")
    listed = client.get("/v1/runs/list", query_string=ASKED).get_json()
    assert [types(run) for run in listed] == [FACTS]
    told = client.get("/v1/runs/get", query_string={**ASKED, "run_id": "run-17"}).get_json()
    assert types(told) == {"ok": "bool", **FACTS, "metric_history": "dict"}
    assert [types(point) for point in told["metric_history"]["loss"]] == [
        {"value": "float", "step": "int", "ts_utc": "str"},
        {"value": "int", "step": "int", "ts_utc": "str"},
    ]
    assert told["metrics_summary"] == {"loss": 1}


def test_a_model_is_named_by_either_word_in_queries_and_bodies(client: FlaskClient) -> None:
    body = {"task": "celltype", "model": "pbmc", "run_id": "run-17", "key": "loss", "value": 1}
    answer = client.post("/v1/runs/log-metric", json=body)
    assert (answer.status_code, "warnings" in answer.get_json()) == (200, False)
    assert client.post("/v1/runs/log-metric", json={**body, "model_name": "other"}).status_code == 422
    for name in ("model", "model_name"):
        asked = {"task": "celltype", name: "pbmc", "run_id": "run-17", "points": 2}
        told = client.get("/v1/runs/get", query_string=asked).get_json()
        assert (told["model_name"], len(told["metric_history"]["loss"]), "warnings" in told) == ("pbmc", 1, False)
        versions = client.get("/v1/compare?versions=1&versions=2", query_string=None)
        assert versions.status_code == 422
        answer = client.get(f"/v1/compare?task=celltype&{name}=pbmc&versions=1&versions=2")
        assert answer.get_json()["code"] == "model_not_found", "fields that repeat are kept"


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 4_000_000, "true", '"0.5"', "null", "[]", "{}"]
)
def test_what_is_no_finite_number_is_refused(client: FlaskClient, value: str) -> None:
    for call, field in (
        ("log-metric", f'"key":"loss","value":{value}'),
        ("log-batch", f'"metrics":[{{"key":"loss","value":{value}}}]'),
    ):
        body = f'{{"task":"celltype","model_name":"pbmc","run_id":"run-17",{field}}}'
        answer = client.post(f"/v1/runs/{call}", data=body, content_type="application/json")
        assert answer.status_code == 422, answer.text
    assert client.get("/v1/runs/list", query_string=ASKED).status_code == 404, "nothing is kept"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", ""),
        ("key", ".."),
        ("key", "a\x00b"),
        ("key", "a\x1b[2J"),
        ("key", "k" * 251),
        ("key", "/" * 80),
        ("key", "\ud800"),
        ("key", 7),
        ("run_id", ".."),
        ("run_id", "../../other"),
        ("run_id", "a/b"),
        ("run_id", ""),
        ("run_id", "a" * 40),
        ("step", 0.5),
        ("step", "many"),
        ("step", 2**80),
        ("timestamp", "yesterday"),
        ("timestamp", 1e300),
        ("model_name", ".."),
        ("task", "a/../b"),
        ("actor", "x" * 257),
    ],
)
def test_what_is_hostile_is_refused(client: FlaskClient, field: str, value: Any) -> None:
    log(client, "log-metric", expected=422, **{"key": "loss", "value": 1, field: value})
    assert client.get("/v1/runs/list", query_string=ASKED).status_code == 404, "nothing is kept"


def test_pages_lead_through_all_runs(client: FlaskClient) -> None:
    for number in range(7):
        log(client, "log-metric", run_id=f"r{number}", key="loss", value=number)
    place, found = "/v1/runs/list?task=celltype&model_name=pbmc&limit=3&status=running", []
    while place:
        answer = client.get(place)
        found += [run["run_id"] for run in answer.get_json()]
        place = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == [f"r{number}" for number in range(7)]


def test_a_link_in_the_place_of_a_run_is_not_followed(client: FlaskClient, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "metrics").mkdir(parents=True)
    (outside / "metrics/loss.jsonl").write_text('{"value": 1}\n')
    runs = tmp_path / "tasks/celltype/models/pbmc/runs"
    runs.mkdir(parents=True)
    (runs / "run-17").symlink_to(outside)
    assert log(client, "log-metric", expected=409, key="loss", value=2)["code"] == "package_corrupt"
    assert client.get("/v1/runs/get", query_string={**ASKED, "run_id": "run-17"}).status_code == 404
    (runs / "run-17").unlink()
    log(client, "log-metric", key="loss", value=2)
    (runs / "run-17/metrics/loss.jsonl").unlink()
    (runs / "run-17/metrics/loss.jsonl").symlink_to(outside / "metrics/loss.jsonl")
    log(client, "log-metric", expected=409, key="loss", value=3)
    assert (outside / "metrics/loss.jsonl").read_text() == '{"value": 1}\n'

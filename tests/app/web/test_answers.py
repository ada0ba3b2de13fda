"""Numbers that JSON does not have come from older software; no answer has them, and each says where they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.config import Settings
from app.web.answers import line
from registry_core import CoreSettings, finite

from ...support.packages import write_files

METRICS = b'{"auc": NaN, "loss": Infinity, "f1": 0.5, "curve": [1.0, -Infinity]}'


def strict(text: str | bytes) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def client(tmp_path: Path) -> Any:
    client = create_app(Settings(core=CoreSettings(root=str(tmp_path)))).test_client()
    return client


@pytest.fixture
def registered(client: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    source = write_files(tmp_path_factory.mktemp("source"), {"model.pt": b"x", "metrics.json": METRICS})
    for version in ("1", "2"):
        body = {"task": "t", "model_name": "m", "version": version, "artifacts_dir": str(source)}
        assert client.post("/v1/register", json=body).status_code == 201
    return client


@pytest.mark.parametrize(
    "path",
    [
        "/v1/metrics?task=t&ref=m@1",
        "/v1/compare?task=t&model=m&versions=1&versions=2",
        "/v1/show?task=t&ref=m@1",
        "/v1/models",
        "/v1/tasks",
        "/v1/history?task=t&model=m",
        "/v1/artifacts?task=t&ref=m@1",
        "/hf/api/models",
        "/hf/api/models/t/m",
    ],
)
def test_every_answer_is_strict(registered: Any, path: str) -> None:
    answer = registered.get(path)
    assert answer.status_code == 200, answer.data
    strict(answer.data)


def test_an_answer_names_what_it_has_made_null(registered: Any) -> None:
    found = strict(registered.get("/v1/metrics?task=t&ref=m@1").data)
    assert found["version_metrics"]["f1"] == 0.5
    assert found["version_metrics"]["auc"] is None
    (warning,) = found["warnings"]
    assert "version_metrics.auc" in warning
    assert "version_metrics.loss" in warning


def test_a_list_says_it_in_a_header(client: Any) -> None:
    with client.application.app_context():
        response = client.application.json.response([{"a": float("inf")}])
    assert strict(response.get_data()) == [{"a": None}]
    assert "[0].a" in strict(response.headers["X-Warnings"])[0]


def test_warnings_that_are_there_are_kept(client: Any) -> None:
    text = client.application.json.dumps({"ok": True, "x": [float("nan")] * 30, "warnings": ["before"]})
    assert strict(text)["warnings"][0] == "before"
    assert "x[19] and 10 more" in strict(text)["warnings"][1]


def test_what_is_finite_is_left_alone() -> None:
    value = {"a": [1, 2.5, "NaN", None, True]}
    assert finite(value) == (value, [])
    assert finite(value)[0] is value
    assert strict(line({"data": float("-inf"), float("nan"): 1})) == {"data": None, "nan": 1}

"""Memory of answers is bounded: few that may be large are made at once, and what waits to be sent is counted."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.config import Settings
from app.web import gate as gates
from app.web.parsing import LARGE_BODY_BYTES
from registry_core import CoreSettings

LARGE = [
    "/v1/models",
    "/v1/models/summary",
    "/v1/tasks",
    "/v1/artifacts?task=t&ref=m@1",
    "/v1/history?task=t&model=m",
    "/hf/api/models/t/m",
]


@pytest.fixture
def client(tmp_path: Path) -> Any:
    source = tmp_path / "source"
    source.mkdir()
    (source / "model.pt").write_bytes(b"x")
    (tmp_path / "root").mkdir()
    client = create_app(Settings(core=CoreSettings(root=str(tmp_path / "root")))).test_client()
    metadata = {"notes": "n" * gates.LARGE_BYTES}
    body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(source), "metadata": metadata}
    assert client.post("/v1/register", json=body).status_code == 201
    return client


def assert_busy(answer: Any) -> None:
    assert (answer.status_code, answer.json["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize("path", LARGE)
def test_few_large_answers_are_made_at_once(client: Any, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "BUILDERS_WAIT_S", 0.0)
    building = client.application.extensions["gate"].building
    with ExitStack() as others:
        for _ in range(gates.BUILDERS):
            assert building.acquire(blocking=False)
            others.callback(building.release)
        assert_busy(client.get(path))
        assert client.get("/health").status_code == 200
        assert client.get("/v1/resolve?task=t&ref=m@1").status_code == 200
    assert client.get(path).status_code == 200
    assert building.acquire(blocking=False)


def test_large_bodies_are_judged_one_after_the_other(client: Any) -> None:
    gate = client.application.extensions["gate"]
    large = {"task": "t", "model_name": "m", "actor": 7, "metadata": "x" * LARGE_BODY_BYTES}
    with ExitStack() as queued:
        while (leave := gate.try_wait()) is not None:  # as many as may queue
            queued.callback(leave)
        assert_busy(client.post("/v1/uploads", json=large))
        assert client.post("/v1/uploads", json={"actor": 7}).status_code == 422
    assert client.post("/v1/uploads", json=large).status_code == 422
    assert not gate.judging.locked()


@pytest.mark.parametrize("path", ["/v1/models", "/v1/show?task=t&ref=m@1"])
def test_what_waits_to_be_sent_is_counted(client: Any, path: str) -> None:
    gate = client.application.extensions["gate"]
    leave = gate.keep(gates.ANSWERS_BYTES - gates.LARGE_BYTES)
    assert_busy(client.get(path))
    assert client.get("/health").status_code == 200
    leave()
    for _ in range(3):
        with client.get(path) as answer:
            assert answer.status_code == 200
    gate.keep(gates.ANSWERS_BYTES)()  # every answer that was sent has given its bytes back

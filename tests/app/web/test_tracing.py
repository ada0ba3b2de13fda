"""Every answer carries a request id, and every line of the log is one JSON object with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from app import create_app
from app.config import Settings
from registry_core import ModelRegistry

from ...support.packages import write_package
from ...support.servers import PREFIX, Server, gunicorn, nginx, wait_for, wait_until
from ..conftest import Service
from ..curl import curl, get, post

CALLS = ["/health", "/health/ready", "/v1/nothing", "/v1/resolve?task=t&ref=m@latest", "/openapi.json", "/docs"]


def accesses(server: Server) -> dict[str, dict[str, Any]]:
    """The lines of the access log so far, by their request ids."""
    return {line["request_id"]: line for line in server.log if line["logger"] == "access"}


@pytest.mark.parametrize("sent", ["abc-123", "!#$%&'()*+,/:;<=>?@[]^_`{|}~", "x" * 128])
def test_an_id_that_was_sent_comes_back(service: Service, sent: str) -> None:
    for path in CALLS:
        assert curl(service.url + path, "-H", f"X-Request-Id: {sent}").headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "two words", "caf\u00e9", "tab\tinside"])
def test_an_id_that_cannot_be_logged_is_replaced(service: Service, sent: str) -> None:
    made = curl(service.url + "/health", "-H", f"X-Request-Id: {sent}").headers["x-request-id"]
    assert made != sent
    assert made.isascii()
    assert made.isalnum()
    assert len(made) == 32


def test_an_id_is_made_and_differs(service: Service) -> None:
    ids = [curl(service.url + path).headers["x-request-id"] for path in CALLS * 2]
    assert len(set(ids)) == len(ids)


def test_every_line_of_the_log_is_json_and_has_the_id(service: Service) -> None:
    source = write_package(service.area / "logged")
    body = {"task": "t", "model_name": "logged", "version": "1", "artifacts_dir": str(source)}
    ids = {
        "log-1": post(f"{service.url}/v1/register", body, "-H", "X-Request-Id: log-1"),
        "log-2": post(f"{service.url}/v1/register", body, "-H", "X-Request-Id: log-2"),
        "log-3": get(f"{service.url}/v1/resolve?x=%0a%22", "-H", "X-Request-Id: log-3"),
        "log-4": curl(service.url + "/v1/%0anew%22line", "-H", "X-Request-Id: log-4"),
        "log-5": curl(service.url + "/health", "-H", "X-Request-Id: log-5", "-H", "X-Forwarded-For: 10.0.0.7"),
    }
    access = wait_for(lambda: accesses(service.server), lambda found: ids.keys() <= found.keys(), "lines are missing")
    for sent, answer in ids.items():
        line = access[sent]
        assert line["status"] == answer.status
        assert {"time", "level", "message", "method", "path", "duration_ms", "remote"} <= set(line)
    assert [access[name]["status"] for name in ids] == [201, 409, 422, 404, 200]
    assert access["log-4"]["path"] == '/v1/\nnew"line'
    assert access["log-5"]["remote"] == "127.0.0.1", "nobody is behind a proxy that no setting names"
    assert access["log-1"]["method"] == "POST"
    assert access["log-1"]["path"] == "/v1/register"


class Broken:
    """A registry with a fault in it."""

    is_ruled = False

    def trust(self, *_: object) -> None:
        pass

    def probe(self, *, for_writing: bool) -> None:
        pass

    def history(self, *_: object, **__: object) -> None:
        raise RuntimeError("a secret")


def test_a_fault_is_logged_with_the_id_and_hidden_from_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    client = create_app(Settings(), cast(ModelRegistry, Broken())).test_client()
    answer = client.get("/v1/history?task=t&model=m", headers={"X-Request-Id": "fault-1"})
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (500, "fault-1")
    assert answer.json is not None
    assert (answer.json["code"], answer.json["request_id"]) == ("internal_error", "fault-1")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    (fault,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert fault.exc_info is not None
    assert str(fault.exc_info[1]) == "a secret"


def test_start_and_stop_are_json_too(tmp_path: Path) -> None:
    with gunicorn(tmp_path, env={PREFIX + "LOG_LEVEL": "debug"}) as server:
        assert curl(server.url + "/health").status == 200
        server.terminate()
        assert server.wait() == 0
        messages = [line["message"] for line in server.log]  # fails on a line that is no JSON
    assert any("Listening at" in message for message in messages)
    assert any("Shutting down" in message for message in messages)


def test_nginx_logs_json_with_the_same_id(tmp_path: Path) -> None:
    root, logs = tmp_path / "root", tmp_path / "logs"
    root.mkdir()
    logs.mkdir()
    with gunicorn(root, workers=1) as server, nginx([server.url], directory=logs) as url:
        made = get(f"{url}/v1/nothing", "-A", 'agent "quoted" \\').headers["x-request-id"]
        wait_until(lambda: made in (logs / "access.log").read_text(), "nginx wrote no log line")
        for line in (logs / "access.log").read_text().splitlines():
            entry = json.loads(line)
        assert entry["request_id"] == made
        assert (entry["status"], entry["target"], entry["upstream_status"]) == (404, "/v1/nothing", "404")
        wait_until(lambda: any(line.get("request_id") == made for line in server.log), "the service logged no line")

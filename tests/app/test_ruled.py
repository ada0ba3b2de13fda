"""A registry with rules of access asks who is calling from the first event on; rules that are lost close it."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.format.layout import REGISTRY, REGISTRY_JOURNAL
from registry_core.models.registry_journal import is_ruled
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage

from ..core.access.ruled import FIRST, put

# What says nothing of the registry.
SAYING_NOTHING = r"/v1/auth/(status|login|callback|logout)|/hf/api/(whoami-v2|agent-harnesses)"
OPEN = re.compile(rf"/health|/docs.*|/openapi\.json|/|/ui/static/.*|/ui/theme|{SAYING_NOTHING}")
CALLS = ["/v1/models", "/v1/aliases?task=t&model_name=m", "/v1/resolve?task=t&ref=m@1", "/hf/api/models", "/v1/tasks"]


def service(root: Path) -> Flask:
    return create_app(Settings(core=CoreSettings(root=str(root)), threads=8))


def assert_closed(client: FlaskClient, status: int, code: str) -> None:
    for call in CALLS:
        answer = client.get(call, headers={"Authorization": "Bearer x"} if status == 401 else {})
        assert (answer.status_code, answer.json["code"]) == (status, code), call
    assert client.get("/health/ready").status_code == (200 if status == 401 else 503)
    assert client.get("/health").status_code == 200


def test_it_closes_when_rules_are_set_and_a_lost_journal_does_not_open_it(tmp_path: Path) -> None:
    client = service(tmp_path).test_client()
    assert client.get("/v1/models").status_code == 200
    put(FilesystemStorage(tmp_path), FIRST)
    assert_closed(client, 401, "invalid_token")
    (tmp_path / REGISTRY_JOURNAL).unlink()
    assert_closed(client, 503, "access_unreadable")


def test_a_root_that_lost_what_it_says_of_itself_is_closed_too(tmp_path: Path) -> None:
    put(FilesystemStorage(tmp_path), FIRST)
    (tmp_path / REGISTRY).unlink()
    assert_closed(service(tmp_path).test_client(), 401, "invalid_token")
    assert is_ruled(FilesystemStorage(tmp_path))
    storage = MemoryStorage()
    put(storage, FIRST)
    storage.documents.delete(REGISTRY)
    assert ModelRegistry.open("memory://", storage=storage, settings=CoreSettings()).is_ruled


def test_one_that_starts_on_it_serves_nobody_by_any_route(tmp_path: Path) -> None:
    put(FilesystemStorage(tmp_path), FIRST)
    app = service(tmp_path)
    client = app.test_client()
    assert_closed(client, 401, "invalid_token")
    (tmp_path / REGISTRY_JOURNAL).unlink()
    answered: dict[str, int] = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        if OPEN.fullmatch(path):
            continue
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = client.open(path, method=method, json={} if method != "GET" else None)
            answered[f"{method} {path}"] = answer.status_code
    assert len(answered) > 40
    assert not {call: status for call, status in answered.items() if status < 400}

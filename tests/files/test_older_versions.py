"""Versions of older software: what their manifests do not cover has no digest, and what was rewritten has its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from registry_core import ModelRegistry, VersionNotFound

from ..app.conftest import scratch
from ..support.old_registry import OldRegistry
from ..support.servers import Server, gunicorn
from .conftest import call

TASK, MODEL = "celltype", "human_pbmc"


@pytest.fixture
def server() -> Iterator[tuple[Server, Path]]:
    with ExitStack() as opened:
        root = opened.enter_context(scratch()) / "root"
        root.mkdir()
        old = OldRegistry(root).model(TASK, MODEL)
        old.version("1.0.0")
        old.promote("production", "1.0.0")
        yield opened.enter_context(gunicorn(root, workers=1)), root


def test_an_uncovered_file_has_no_etag(server: tuple[Server, Path]) -> None:
    service, root = server
    top = root / f"tasks/{TASK}/models/{MODEL}/versions/1.0.0"
    for path in ("README.md", "tokenizer/vocab%20file.txt"):
        reply = call(service.url, f"/v1/files/{TASK}/{MODEL}/production/{path}")
        assert reply.body == (top / path.replace("%20", " ")).read_bytes()
        assert "etag" not in reply.headers
        assert "repr-digest" not in reply.headers
        part = call(service.url, f"/v1/files/{TASK}/{MODEL}/production/{path}", {"Range": "bytes=0-1"})
        assert (part.status, part.body) == (206, reply.body[:2])
        resumed = {"Range": "bytes=0-1", "If-Range": '"anything"'}
        assert call(service.url, f"/v1/files/{TASK}/{MODEL}/production/{path}", resumed).status == 200
    covered = call(service.url, f"/v1/files/{TASK}/{MODEL}/production/model.pt")
    assert covered.headers["etag"] == f'"{hashlib.sha256(covered.body).hexdigest()}"'


def test_rewritten_metadata_is_sent_under_its_own_digest(server: tuple[Server, Path]) -> None:
    service, root = server
    meta = root / f"tasks/{TASK}/models/{MODEL}/versions/1.0.0/model_meta.json"
    for tags in ({"a": 1}, {"a": 2, "b": "longer"}):
        meta.write_text(json.dumps({**json.loads(meta.read_text()), "tags": tags}))
        reply = call(service.url, f"/v1/files/{TASK}/{MODEL}/1.0.0/model_meta.json")
        assert reply.body == meta.read_bytes()
        assert reply.headers["etag"] == f'"{hashlib.sha256(reply.body).hexdigest()}"'


def test_the_hub_serves_it_once_it_is_adopted(server: tuple[Server, Path]) -> None:
    """Without a digest a client of the Hub cannot take a file, and a part of a model is worse than none."""
    service, root = server
    path = f"/hf/{TASK}/{MODEL}/resolve/production/README.md"
    refused = call(service.url, path)
    assert (refused.status, refused.headers["x-error-code"]) == (404, "RevisionNotFound")
    assert "omr adopt" in refused.headers["x-error-message"]
    registry = ModelRegistry.open(root)
    with pytest.raises(VersionNotFound):
        registry.snapshot(TASK, MODEL, "1.0.0")
    assert registry.hub_commits(TASK, MODEL) == []

    registry.adopt()
    moved = call(service.url, path)
    assert moved.status == 307
    commit = moved.headers["x-repo-commit"]
    assert [found.commit_id for found in registry.hub_commits(TASK, MODEL)] == [commit]
    file = call(service.url, moved.headers["location"])
    assert (file.status, file.headers["etag"]) == (200, f'"{hashlib.sha256(file.body).hexdigest()}"')
    assert file.headers["x-repo-commit"] == commit

"""Over HTTP nothing that is asked of the whole registry, or again with conditions, tells of what may not be seen."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry_core import CoreSettings, ModelRegistry
from registry_core.catalogue.catalogue import catalogue_path

from ..catalogue.shelf import somebody_builds
from ..core.access.ruled import put, written
from ..support.issuer import issuer_server
from ..support.packages import write_package
from .test_identity import Place

LISTS = [
    "/v1/models",
    "/v1/models?limit=1",
    "/v1/models?task=foreign",
    "/v1/models?q=model",
    "/v1/models?alias=latest&sort=-created_at&limit=1",
    "/v1/models?sort=metric:hidden",
    "/v1/models?sort=-metric:f1",
    "/v1/models/summary",
    "/v1/models/summary?limit=1&sort=-bytes",
    "/v1/models/summary?q=model&without_alias=hidden",
    "/v1/tasks",
    "/v1/history",
    "/v1/history?limit=1",
    "/v1/history?order=asc&q=model",
    "/v1/events?after=0",
    "/v1/events",
    "/hf/api/models",
    "/hf/api/models?limit=1",
    "/hf/api/models?author=foreign",
    "/health/ready",
    "/v1/auth/status",
]
BY_THE_INDEX = ("/v1/models", "/v1/models/summary", "/v1/tasks", "/v1/history", "/v1/events", "/hf/api/models")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "root").mkdir()
    write_package(tmp_path / "source")
    with issuer_server() as issuer:
        yield Place(tmp_path / "root", tmp_path / "source", issuer)


def said(answer: TestResponse) -> str:
    """Head and body, without what is another each time; of the stream of events what comes at once."""
    head = sorted((name, value) for name, value in answer.headers if name not in ("X-Request-Id", "Date"))
    if answer.content_type != "text/event-stream":
        return f"{answer.status_code} {head} {answer.text}"
    parts = []
    for part in answer.response:
        parts.append(part if isinstance(part, str) else part.decode())
        if "public" in parts[-1] or "now" in answer.request.headers.get("X-Until", ""):
            break
    answer.close()
    # The catalogue's own name, which is another one when it was made anew.
    return f"{head} {re.sub(r'id: [0-9a-f]{12}', 'id: ', ''.join(parts))}"


def everything(place: Place, token: str | None) -> dict[str, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return {
        path: said(place.client.get(path, headers={**headers, "X-Until": "now" if path == "/v1/events" else ""}))
        for path in LISTS
    }


@pytest.mark.parametrize("sub", [None, "reader", "stranger"])
def test_nothing_tells_of_what_happens_where_one_may_not_see(place: Place, sub: str | None) -> None:
    token = None if sub is None else place.issuer.token(sub=sub)
    before = everything(place, token)
    registry = ModelRegistry.open(settings=CoreSettings(root=str(place.root)))
    for version in ("2", "3", "4"):
        metadata = {"metrics": {"hidden": 1.0, "f1": 0.1}, "description": "model"}
        registry.register("foreign", "m", version, place.source, metadata)
        registry.register("another", "n", version, place.source, metadata)
    assert everything(place, token) == before
    model = place.root / "tasks" / "foreign" / "models" / "m"
    journal = model / "audit" / "promotions.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))  # it has lost its end
    unreadable = model / "versions" / "3" / "model_meta.json"
    unreadable.parent.chmod(0o755)
    unreadable.unlink()
    unreadable.mkdir()
    registry.reindex()
    assert registry.list_models().warnings
    assert everything(place, token) == before


def test_pages_lead_to_what_may_be_seen_and_name_nothing_else(place: Place) -> None:
    reader = place.issuer.token(sub="reader")
    path, seen, links = "/v1/models?limit=1", [], []
    while True:
        answer = place.get(path, reader)
        seen += [(item["task"], item["model_name"]) for item in answer.json]
        assert answer.headers["X-Total-Count"] == "2"
        if "Link" not in answer.headers:
            break
        path = answer.headers["Link"].partition(">")[0].lstrip("<")
        links.append(path)
    assert seen == [("own", "m"), ("public", "m")]
    for link in links:
        cursor = link.rpartition("cursor=")[2]
        assert "foreign" not in base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    # A cursor that somebody else was given begins among what its reader may see.
    registry = ModelRegistry.open(settings=CoreSettings(root=str(place.root)))
    of_all = registry.list_models(limit=1)
    assert of_all.items[0]["task"] == "foreign"
    assert [item["task"] for item in place.get(f"/v1/models?limit=5&cursor={of_all.next}", reader).json] == [
        "own",
        "public",
    ]


FILES = [
    "/v1/files/{}/m/1/model.pt",
    "/v1/files/{}/m/1/",
    "/v1/archive/{}/m/1",
    "/hf/{}/m/resolve/main/model.pt",
]


@pytest.mark.parametrize("path", FILES)
def test_conditions_are_judged_of_what_the_caller_may_have(place: Place, path: str) -> None:
    """Hidden and missing are told alike, whatever the condition, and rights that are gone give no 304."""
    user = written(rules=[{"who": ["user:reader"], "on": ["own/*"], "role": "user"}])
    put(place.journal.storage, user)
    reader = {"Authorization": f"Bearer {place.issuer.token(sub='reader')}", "X-Request-Id": "1"}
    whole = place.client.get(path.format("own"), headers=reader, follow_redirects=True)
    assert whole.status_code == 200
    etag = whole.headers.get("ETag", '"x"')
    dated = whole.headers.get("Last-Modified", "Thu, 26 Nov 2026 10:00:00 GMT")
    for condition in (
        {"If-None-Match": etag},
        {"If-None-Match": "*"},
        {"If-Match": etag},
        {"If-Match": '"other"'},
        {"If-Modified-Since": dated},
        {"Range": "bytes=0-1"},
        {"Range": "bytes=0-1,3-4"},
        {"Range": "bytes=999999999-"},
        {"Range": "bytes=0-1", "If-Range": etag},
    ):
        for method in ("GET", "HEAD"):
            hidden, missing = (
                place.client.open(path.format(task), method=method, headers={**reader, **condition})
                for task in ("foreign", "nowhere")
            )
            assert hidden.status_code == missing.status_code == 404
            assert alike(hidden, "foreign") == alike(missing, "nowhere")
    assert place.client.get(path.format("own"), headers={**reader, "If-None-Match": etag}).status_code in (
        200,
        304,
        307,
    )
    put(place.journal.storage, written(rules=[]))
    for condition in ({"If-None-Match": etag}, {"If-Modified-Since": dated}, {"Range": "bytes=0-1"}):
        gone = place.client.get(path.format("own"), headers={**reader, **condition})
        assert gone.status_code in (401, 404)
        assert "ETag" not in gone.headers


def alike(answer: TestResponse, task: str) -> tuple[Any, ...]:
    headers = [(name, value.replace(task, "TASK")) for name, value in answer.headers if name != "Content-Length"]
    return headers, answer.text.replace(task, "TASK")


def test_while_the_index_is_built_no_answer_has_a_number(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with somebody_builds(catalogue_path(CoreSettings(root=str(place.root))), monkeypatch):
        for token in (None, place.issuer.token(sub="reader")):
            page = place.get("/v1/models?limit=5", token)
            assert page.status_code == 200
            assert "X-Total-Count" not in page.headers
            told = [*json.loads(page.headers["X-Warnings"])]
            for list_of in BY_THE_INDEX:
                refused = place.get(list_of, token)
                assert refused.json["code"] == "index_building"
                assert refused.json.keys().isdisjoint({"models_done", "models_total"})
                told.append(refused.json["detail"])
            assert not re.search(r"\d", "".join(told))
            assert set(place.get("/health/ready", token).json) == {"ok"}

"""The proxy sends JSON and pages smaller, and the bytes of packages as they are."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest

from registry_core import ModelRegistry

from ..files.conftest import call
from ..support.packages import write_files
from ..support.servers import gunicorn, nginx

TAKES = {"Accept-Encoding": "gzip"}
CONTENT = json.dumps({str(n): "B cell" for n in range(1000)}).encode()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    area = tmp_path_factory.mktemp("compression")
    (area / "root").mkdir()
    registry = ModelRegistry.open(area / "root")
    registry.register(
        "t", "m", "1", write_files(area / "source", {"labels.json": CONTENT, "index.html": b"<p>" * 1000})
    )
    for n in range(10):
        registry.promote("t", "m", f"alias{n}", "1")
    with gunicorn(area / "root") as server, nginx([server.url]) as proxy:
        yield proxy


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/assets/swagger-ui.css", "/v1/history?task=t&model=m"])
def test_answers_are_compressed_for_whoever_takes_it(url: str, path: str) -> None:
    plain, small = call(url, path), call(url, path, TAKES)
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["vary"]
    assert small.status == plain.status
    assert len(small.body) < len(plain.body)
    if path == "/openapi.json":
        assert gzip.decompress(small.body) == plain.body


@pytest.mark.parametrize("path", ["/v1/files/t/m/1/labels.json", "/v1/files/t/m/1/index.html", "/v1/archive/t/m/1"])
def test_bytes_of_packages_are_not(url: str, path: str) -> None:
    plain, asked = call(url, path), call(url, path, TAKES)
    assert "content-encoding" not in asked.headers
    assert asked.body == plain.body
    assert asked.headers["content-length"] == str(len(plain.body))


def test_nor_those_that_the_hubs_clients_load(url: str) -> None:
    moved = call(url, "/hf/t/m/resolve/1/labels.json", TAKES)
    found = call(url, moved.headers["location"], TAKES)
    assert (found.body, found.headers.get("content-encoding")) == (CONTENT, None)
    part = call(url, moved.headers["location"], {**TAKES, "Range": "bytes=5-9"})
    assert (part.status, part.body) == (206, CONTENT[5:10])

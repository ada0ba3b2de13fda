"""A service that holds files of every shape, reached directly and through an nginx that sends them itself."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from registry_core import ModelRegistry

from ..app.conftest import scratch
from ..support.packages import write_files
from ..support.servers import Server, gunicorn
from .accel import ACCEL, accelerating_nginx

TASK, MODEL = "segmentation", "nuclei"
LARGE = bytes(range(256)) * 4096  # 1 MiB
FILES = {
    "model.pt": LARGE,
    "empty": b"",
    "one": b"1",
    "deep/er/label map.json": b"{}",
    "odd/50% #1?.json": b"percent",
    "odd/gr\u00fc\u00df \u03b1\u03b2.txt": "grün".encode(),
    "odd/a+b&c=d;e..f": b"plus",
    "%2e%2e": b"a name, not a way up",
}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


def call(url: str, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Reply:
    """One request; ``path`` is sent as it is."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        assert len(found) == len(response.getheaders()), "a header appears twice"
        return Reply(response.status, found, response.read())
    finally:
        connection.close()


def address(path: str, selector: str = "latest") -> str:
    return f"/v1/files/{TASK}/{MODEL}/{selector}/{quote(path)}"


@dataclass(frozen=True)
class Service:
    """``url`` is where callers go; ``accelerated`` says that nginx sends the bytes."""

    url: str
    root: Path
    server: Server
    accelerated: bool

    @property
    def package(self) -> Path:
        return self.root / f"tasks/{TASK}/models/{MODEL}/versions/1"


@pytest.fixture(scope="module", params=["gunicorn", "nginx"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with scratch() as area:
        root = area / "root"
        root.mkdir()
        ModelRegistry.open(root).register(TASK, MODEL, "1", write_files(area / "source", FILES))
        accelerated = request.param == "nginx"
        with gunicorn(root, env=ACCEL if accelerated else {}) as server:
            if accelerated:
                with accelerating_nginx(server.url, root) as url:
                    yield Service(url, root, server, True)
            else:
                yield Service(server.url, root, server, False)

"""A browser that is led to any answer makes nothing of it but what it is."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.packages import write_files
from ...support.servers import PREFIX, gunicorn, nginx
from ..conftest import scratch
from ..curl import curl, post

STRICT = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
FILE = "/v1/files/t/m/1/page.html"


@pytest.fixture(scope="module", params=["gunicorn", "nginx"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with scratch() as area:
        (area / "root").mkdir()
        source = write_files(area / "source", {"page.html": b"<script>alert(1)</script>"})
        with gunicorn(area / "root", workers=1) as server, nginx([server.url]) as proxied:
            body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(source)}
            assert post(f"{server.url}/v1/register", body).status == 201
            yield server.url if request.param == "gunicorn" else proxied


@pytest.mark.parametrize(
    "path", ["/health", "/v1/models", "/v1/nothing", "/openapi.json", FILE, "/v1/archive/t/m/1", "/hf/api/models", "/"]
)
def test_an_answer_is_no_page(url: str, path: str) -> None:
    answer = curl(url + path)
    assert {name: answer.headers.get(name) for name in STRICT} == STRICT
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; frame-ancestors 'none'")
    assert "script-src" not in policy


def test_the_documentation_may_use_its_own_assets_and_no_others(url: str) -> None:
    answer = curl(url + "/docs")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    allowed = policy["script-src"].split(" ")
    assert "'unsafe-inline'" not in allowed
    inline = re.findall(r"<script>(.*?)</script>", answer.body, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    assert sorted(allowed) == sorted(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    assert re.findall(r'(?:src|href)="([^"]*)"', answer.body)
    for asset in re.findall(r'(?:src|href)="([^"]*)"', answer.body):
        assert asset.startswith("/docs/assets/")
        assert curl("-o", "/dev/null", url + asset).status == 200


def test_what_nginx_answers_itself_is_no_page_either(tmp_path: Path) -> None:
    with gunicorn(tmp_path, workers=1, env={PREFIX + "HUB": "false"}) as server, nginx([server.url]) as proxied:
        server.kill()
        answer = curl(f"{proxied}/health")
        assert answer.status == 502
        assert {name: answer.headers.get(name) for name in STRICT} == STRICT
        assert "default-src 'none'" in answer.headers["content-security-policy"]

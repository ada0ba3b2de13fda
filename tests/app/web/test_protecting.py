"""A browser that is led to any answer makes nothing of it but what it is."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.packages import write_files
from ...support.servers import PREFIX, gunicorn, nginx
from ..conftest import scratch
from ..curl import Answer, assert_problem, curl, post

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
        staged = {PREFIX + "ARTIFACTS_ALLOWED_ROOTS": "/"}
        with gunicorn(area / "root", workers=1, env=staged) as server, nginx([server.url]) as proxied:
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
        assert asset.startswith("docs/assets/"), "beside the page, whatever path a proxy has put that below"
        assert curl("-o", "/dev/null", f"{url}/{asset}").status == 200


def test_what_nginx_answers_itself_is_no_page_either(tmp_path: Path) -> None:
    with gunicorn(tmp_path, workers=1, env={PREFIX + "HUB": "false"}) as server, nginx([server.url]) as proxied:
        server.kill()
        answer = curl(f"{proxied}/health")
        assert answer.status == 502
        assert {name: answer.headers.get(name) for name in STRICT} == STRICT
        assert "default-src 'none'" in answer.headers["content-security-policy"]


PROMOTE = {"task": "t", "model_name": "m", "alias": "production", "version": "1"}
OWN = ["localhost", "LOCALHOST:8095", "127.0.0.1", "10.1.2.3:80", "[::1]:8095", "registry", socket.gethostname()]
STRANGE = [
    "attacker.example",
    "attacker.example:8095",
    "127.0.0.1.attacker.example",
    "localhost.attacker.example",
    "[::1].attacker.example",
    "attacker.example.",
    "127.0.0.1:x",
    "a b",
]


def change(url: str, host: str, origin: str | None, *more: str) -> Answer:
    said = () if origin is None else ("-H", f"Origin: {origin}")
    return post(f"{url}/v1/promote", PROMOTE, "-H", f"Host: {host}", *said, *more)


@pytest.mark.parametrize("host", OWN)
def test_a_page_of_the_service_itself_may_ask_for_a_change(url: str, host: str) -> None:
    for scheme in ("http", "https"):
        assert change(url, host, f"{scheme}://{host}").status == 200


@pytest.mark.parametrize("host", STRANGE)
def test_a_foreign_name_that_leads_here_changes_nothing(url: str, host: str) -> None:
    answer = change(url, host, f"http://{host}")
    if answer.status == 400:  # nginx's word for what is no host name at all
        assert " " in host
        return
    detail = assert_problem(answer, 403, "untrusted_host")["detail"]
    assert "OMNIBIOAI_MODEL_REGISTRY_TRUSTED_HOSTS" in detail
    assert change(url, host, None).status in (200, 400), "whoever sends no Origin is no browser"


@pytest.mark.parametrize(
    "origin", ["http://attacker.example", "http://localhost:1", "null", "", "file://", "http://", "http://u@localhost"]
)
def test_a_page_of_another_origin_changes_nothing(url: str, origin: str) -> None:
    if origin:
        assert_problem(change(url, "localhost", origin), 403, "untrusted_host")
    answer = curl(f"{url}/v1/models", "-H", "Host: localhost", "-H", f"Origin: {origin}")
    assert answer.status == 200, "what it reads there, the browser keeps from it"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/aliases?task=t&model=m&alias=x"),
        ("PUT", "/v1/tags"),
        ("POST", "/v1/uploads"),
        ("PATCH", "/v1/x"),
    ],
)
def test_every_kind_of_change_is_judged(url: str, method: str, path: str) -> None:
    answer = curl("-X", method, url + path, "-H", "Host: attacker.example", "-H", "Origin: http://attacker.example")
    assert_problem(answer, 403, "untrusted_host")


def test_with_a_list_of_hosts_every_call_is_judged(area: Path, root: Path) -> None:
    source = write_files(area / "source", {"model.pt": b"x"})
    named = {PREFIX + "TRUSTED_HOSTS": "Registry.Example.org, pages.example.org, 127.0.0.1"}
    with gunicorn(root, workers=1, env=named) as server:
        body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(source)}
        assert post(f"{server.url}/v1/register", body).status == 201
        for host in ("registry.example.org", "REGISTRY.example.org:8443", "127.0.0.1"):
            assert curl(f"{server.url}/v1/models", "-H", f"Host: {host}").status == 200
            assert change(server.url, host, f"http://{host}").status == 200
            assert change(server.url, host, "https://pages.example.org:8443").status == 200
            assert_problem(change(server.url, host, "https://other.example.org"), 403, "untrusted_host")
        for host in ("localhost", "registry", "example.org", "", "a.registry.example.org"):
            answer = curl(f"{server.url}/v1/models", "-H", f"Host: {host}" if host else "Host;")
            assert_problem(answer, 403, "untrusted_host")
            for probe in ("/health", "/health/ready"):
                assert curl(server.url + probe, "-H", f"Host: {host}" if host else "Host;").status == 200


def test_no_address_is_made_of_the_host_that_a_caller_names(url: str, area: Path) -> None:
    source = write_files(area / "again", {"model.pt": b"y"})
    body = {"task": "t", "model_name": "m", "version": uuid.uuid4().hex, "artifacts_dir": str(source)}
    upload = {"task": "t", "model_name": "m"}
    strange = ("-H", "Host: attacker.example", "-H", "X-Forwarded-Host: attacker.example")
    answers = [
        post(f"{url}/v1/register", body, *strange),
        post(f"{url}/v1/verify", {"task": "t", "ref": "m@1"}, *strange, "-H", "Prefer: respond-async"),
        post(f"{url}/v1/uploads", upload, *strange),
        curl(f"{url}/v1/models?limit=1", *strange),
    ]
    for answer, name in zip(answers, ("location", "location", "location", "link"), strict=True):
        assert answer.headers[name].lstrip("<").startswith("/v1/")
        assert "attacker" not in str(answer.headers) + answer.body

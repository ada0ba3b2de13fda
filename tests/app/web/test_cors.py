"""Pages of the origins that are named may use the service from a browser, and no others; nobody where none is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ...support.servers import PREFIX, gunicorn
from ..conftest import scratch
from ..curl import Answer, assert_problem, curl, post

CONSOLE = "https://console.example"
OTHERS = [
    "http://console.example",
    "https://console.example:8443",
    "https://console.example.attacker.example",
    "https://xconsole.example",
    "https://attacker.example/https://console.example",
    "null",
]
REGISTER = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": "/nowhere"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    named = {PREFIX + "CORS_ORIGINS": f"{CONSOLE}, http://localhost:3000"}
    with scratch() as root, gunicorn(root, workers=1, env=named) as server:
        yield server.url


@pytest.fixture(scope="module")
def closed() -> Iterator[str]:
    with scratch() as root, gunicorn(root, workers=1) as server:
        yield server.url


def allowed(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def asked(url: str, method: str, origin: str) -> Answer:
    """What a browser asks before it sends a change of a page of another origin."""
    headers = ("Origin: " + origin, "Access-Control-Request-Method: " + method)
    more = "Access-Control-Request-Headers: content-type,tus-resumable,upload-offset,idempotency-key"
    return curl("-X", "OPTIONS", url, *(word for header in (*headers, more) for word in ("-H", header)))


@pytest.mark.parametrize("path", ["/v1/models", "/v1/show?task=t&ref=m@1", "/health", "/nothing", "/openapi.json"])
def test_a_named_origin_may_read_every_answer_and_its_headers(url: str, path: str) -> None:
    answer = curl(url + path, "-H", f"Origin: {CONSOLE}")
    assert answer.headers["access-control-allow-origin"] == CONSOLE
    assert "access-control-allow-credentials" not in answer.headers
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"location", "link", "x-total-count", "x-warnings", "etag", "repr-digest", "content-range"} <= exposed
    assert {"x-model-version", "x-request-id", "upload-offset", "upload-length", "tus-resumable"} <= exposed
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/register"),
        ("PUT", "/v1/tags"),
        ("DELETE", "/v1/versions"),
        ("PATCH", "/v1/uploads/a/b"),
        ("HEAD", "/v1/uploads/a/b"),
        ("POST", "/v1/uploads"),
    ],
)
def test_a_named_origin_may_send_changes(url: str, method: str, path: str) -> None:
    before = asked(url + path, method, CONSOLE)
    assert before.status < 300
    assert before.headers["access-control-allow-origin"] == CONSOLE
    assert method in before.headers["access-control-allow-methods"]
    sent = {name.strip() for name in before.headers["access-control-allow-headers"].split(",")}
    assert sent == {"content-type", "tus-resumable", "upload-offset", "idempotency-key"}


def test_the_change_itself_is_judged_by_its_origin(url: str) -> None:
    """It gets as far as the verb, which knows no such directory; a page of another origin does not get there."""
    answer = post(f"{url}/v1/register", REGISTER, "-H", f"Origin: {CONSOLE}", "-H", "Host: registry.example")
    assert_problem(answer, 403, "untrusted_host")  # a name of the internet that nobody has named
    answer = post(f"{url}/v1/register", REGISTER, "-H", f"Origin: {CONSOLE}")
    assert_problem(answer, 422, "artifacts_refused")
    assert answer.headers["access-control-allow-origin"] == CONSOLE
    answer = post(f"{url}/v1/register", REGISTER, "-H", f"Origin: {CONSOLE}", "-H", "Host: console.example")
    assert_problem(answer, 422, "artifacts_refused")
    answer = post(f"{url}/v1/register", REGISTER, "-H", "Origin: https://attacker.example")
    assert_problem(answer, 403, "untrusted_host")


@pytest.mark.parametrize("origin", OTHERS)
def test_another_origin_may_nothing(url: str, closed: str, origin: str) -> None:
    for base in (url, closed):
        assert allowed(curl(f"{base}/v1/models", "-H", f"Origin: {origin}")) == {}
        assert allowed(asked(f"{base}/v1/promote", "POST", origin)) == {}


def test_where_no_origin_is_named_none_may_anything(closed: str) -> None:
    assert allowed(curl(f"{closed}/v1/models", "-H", f"Origin: {CONSOLE}")) == {}
    assert "origin" not in curl(f"{closed}/v1/models").headers.get("vary", "").lower()


def test_a_cache_keeps_no_answer_without_the_header_for_a_page(url: str) -> None:
    assert "origin" in curl(f"{url}/v1/models").headers["vary"].lower()

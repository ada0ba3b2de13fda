"""The published description is valid, complete, works without the internet, and says all that there is."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from threading import Barrier
from urllib.parse import urljoin, urlsplit

import pytest
import schemathesis
from apispec import APISpec
from flask import Flask

from app import create_app
from app.config import Settings
from app.web.errors import CONTENT_TYPE

from ..conftest import Service
from ..curl import curl, get

CALLS = {
    "/health": {"get"},
    "/health/ready": {"get"},
    "/v1/auth/status": {"get"},
    "/v1/auth/me": {"get"},
    "/v1/tokens": {"get", "post"},
    "/v1/ownership/resolve": {"post"},
    "/v1/register": {"post"},
    "/v1/register/ask": {"post"},
    "/v1/resolve": {"get"},
    "/v1/show": {"get"},
    "/v1/promote": {"post"},
    "/v1/verify": {"post"},
    "/v1/aliases": {"get"},
    "/v1/history": {"get"},
    "/v1/artifacts": {"get"},
}
METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


def test_the_description_is_openapi_3(service: Service) -> None:
    answer = get(f"{service.url}/openapi.json")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["openapi"].startswith("3.")
    # Against the OpenAPI schema itself; raises if it is not valid.
    schemathesis.openapi.from_dict(answer.json).validate()


def test_the_description_names_every_call_and_every_call_is_described(service: Service) -> None:
    paths = get(f"{service.url}/openapi.json").json["paths"]
    for path, methods in CALLS.items():
        assert methods <= set(paths[path]), path
    routes = {rule.rule for rule in create_app(Settings()).url_map.iter_rules()}
    undescribed = {"/", "/openapi.json", "/docs", "/docs/assets/<path:name>"}
    described = {route for route in routes - undescribed if not route.startswith("/ui/")}  # pages are for persons
    assert {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route) for route in described} == set(paths)


def test_the_description_is_made_for_whoever_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[str] = []
    path = APISpec.path
    monkeypatch.setattr(
        APISpec, "path", lambda spec, *about, **said: described.append("") or path(spec, *about, **said)
    )
    service = create_app(Settings()).test_client()
    assert described == []
    first, second = service.get("/openapi.json"), service.get("/openapi.json")
    assert len(described) > len(first.json["paths"]) > 30
    assert first.data == second.data


def test_whoever_asks_at_once_is_told_the_same() -> None:
    for _ in range(3):
        service, together = create_app(Settings()), Barrier(8)

        def ask(_: int, service: Flask = service, together: Barrier = together) -> tuple[int, bytes]:
            together.wait()
            answer = service.test_client().get("/openapi.json")
            return answer.status_code, answer.data

        with ThreadPoolExecutor(8) as asking:
            (told,) = set(asking.map(ask, range(8)))
        assert told[0] == 200


def test_programs_can_be_made_from_the_description() -> None:
    """Each operation has a name of its own; where the service is, and that nobody is asked who they are, is said."""
    app = create_app(Settings())
    description = app.test_client().get("/openapi.json").get_json()
    names = [item[method]["operationId"] for item in description["paths"].values() for method in METHODS & set(item)]
    assert len(set(names)) == len(names) > 40
    assert {"registry_register", "aliases_promote", "health_health", "hub_resolve"} <= set(names)
    assert description["servers"] == [{"url": "/"}]
    assert description["security"] == []
    below = app.test_client().get("/openapi.json", base_url="http://localhost/below/").get_json()
    assert below["servers"] == [{"url": "/below"}]


def test_the_form_of_names_is_described() -> None:
    """A new name keeps the grammar; one that older software gave may be asked for."""
    description = create_app(Settings()).test_client().get("/openapi.json").get_json()
    requests = description["components"]["schemas"]
    new, old = requests["RegisterRequest"]["properties"]["version"], requests["VersionRequest"]["properties"]["version"]
    assert (new["minLength"], new["maxLength"]) == (1, 96)
    for name, is_new in (
        ("1.0.0", True),
        ("a" * 96, True),
        ("a" * 97, False),
        ("-a", False),
        ("a/b", False),
        ("é", False),
    ):
        assert (re.search(new["pattern"], name) is not None) == is_new
    assert (old["minLength"], old["maxLength"], "pattern" in old) == (1, 255, False)
    asked = {part["name"]: part["schema"] for part in description["paths"]["/v1/resolve"]["get"]["parameters"]}
    assert asked["task"]["maxLength"] == 255


def test_every_call_but_health_says_that_it_may_be_refused_for_whence_it_comes(service: Service) -> None:
    for path, item in get(f"{service.url}/openapi.json").json["paths"].items():
        for method in item.keys() & {"get", "post", "put", "patch", "delete", "head"}:
            assert ("403" in item[method]["responses"]) is not path.startswith("/health"), (method, path)


def test_every_operation_describes_its_answer_and_its_problems(service: Service) -> None:
    description = get(f"{service.url}/openapi.json").json
    for path, item in description["paths"].items():
        for method in METHODS & set(item):
            operation = item[method]
            assert operation.get("summary"), f"{method} {path} has no summary"
            good = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            assert good, f"{method} {path} describes no answer"
            for status, answer in operation["responses"].items():
                if "$ref" in answer:
                    answer = description["components"]["responses"][answer["$ref"].rpartition("/")[2]]
                if status.startswith(("4", "5")):
                    assert list(answer["content"]) == [CONTENT_TYPE], f"{method} {path} {status}"


class _Addresses(HTMLParser):
    """The addresses that a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("src", "href") and value:
                self.found.append(value)


def test_the_page_needs_no_other_host(service: Service) -> None:
    page = get(f"{service.url}/docs")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    parser = _Addresses()
    parser.feed(page.body)
    assert any(address.endswith(".js") for address in parser.found)
    assert any(address.endswith(".css") for address in parser.found)
    assert "/openapi.json" in page.body
    assert not re.search(r"(https?:)?//(?!$)[a-z0-9.-]+\.[a-z]{2,}", page.body), "the page names another host"
    for address in parser.found:
        target = urljoin(f"{service.url}/docs", address)
        assert urlsplit(target).netloc == urlsplit(service.url).netloc
        asset = curl("-o", "/dev/null", target)
        assert asset.status == 200, target
        assert int(asset.headers["content-length"]) > 0
        kind = {".js": "javascript", ".css": "text/css", ".png": "image/png"}[address[address.rindex(".") :]]
        assert kind in asset.headers["content-type"]

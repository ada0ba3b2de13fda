"""Below a path of a proxy every address in an answer leads back to the service, whoever says what the path is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.config import Settings
from registry_client import RegistryClient
from registry_core import NotConfigured

from ..support.packages import write_files
from ..support.servers import PREFIX, REPOSITORY, Server, gunicorn, nginx_of
from .conftest import scratch
from .curl import curl, post

BELOW = "/modelregistry"
FORWARDED = """
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto https;
    proxy_set_header X-Forwarded-Host lab.example;
    proxy_set_header X-Forwarded-Port "";
    proxy_set_header X-Forwarded-Prefix /modelregistry;
"""
# How the proxy passes requests on, and what the service is told.
WAYS = {
    "stripped": ("UPSTREAM/", "", {"BASE_PATH": f"{BELOW}/"}),
    "not stripped": ("UPSTREAM", "", {"BASE_PATH": BELOW}),
    "said by the proxy": ("UPSTREAM/", FORWARDED, {"TRUSTED_PROXIES": "1"}),
}


@contextmanager
def served(way: str) -> Iterator[tuple[str, Path, Server]]:
    """(the proxy's address, a package, the service behind it)"""
    target, headers, settings = WAYS[way]
    with scratch() as area:
        (area / "root").mkdir()
        source = write_files(area / "source", {"model.pt": b"weights"})
        environment = {
            PREFIX + name: value for name, value in {**settings, "ARTIFACTS_ALLOWED_ROOTS": str(area)}.items()
        }
        with gunicorn(area / "root", workers=1, env=environment) as server:
            location = f"location {BELOW}/ {{ proxy_pass {target.replace('UPSTREAM', server.url)}; {headers} }}"
            with nginx_of(location) as proxy:
                yield proxy, source, server


@pytest.fixture(scope="module", params=WAYS)
def place(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path, Server]]:
    with served(request.param) as found:
        for version in ("1", "2"):
            body = {"task": "t", "model_name": "m", "version": version, "artifacts_dir": str(found[1])}
            made = post(f"{found[0]}{BELOW}/v1/register", body)
            assert made.status == 201
            assert_leads_back(found[0], made.headers["location"])
        yield found


def assert_leads_back(proxy: str, address: str, status: int = 200) -> None:
    path = re.sub(r"^https?://[^/]*", "", address)
    assert path.startswith(f"{BELOW}/"), address
    assert curl("-o", "/dev/null", proxy + path).status == status


def test_the_next_page(place: tuple[str, Path, Server]) -> None:
    for path in ("/v1/models?limit=1&tag=a%3Db", "/v1/models?limit=1", "/hf/api/models?limit=1"):
        answer = curl(f"{place[0]}{BELOW}{path}")
        if "link" in answer.headers:
            (address,) = re.findall(r'<([^>]*)>; rel="next"', answer.headers["link"])
            assert "cursor=" in address
            assert_leads_back(place[0], address)
    assert "link" in curl(f"{place[0]}{BELOW}/v1/models?limit=1").headers


def test_a_long_call(place: tuple[str, Path, Server]) -> None:
    answer = post(f"{place[0]}{BELOW}/v1/verify", {"task": "t", "ref": "m@1"}, "-H", "Prefer: respond-async")
    assert answer.status == 202
    assert answer.json["url"] == answer.headers["location"]
    assert_leads_back(place[0], answer.headers["location"])


def test_an_upload_and_the_client(place: tuple[str, Path, Server]) -> None:
    begun = post(f"{place[0]}{BELOW}/v1/uploads", {"task": "t", "model_name": "m"})
    assert_leads_back(place[0], begun.headers["location"])
    assert_leads_back(place[0], begun.json["url"])
    with RegistryClient(place[0] + BELOW) as client:
        pushed = client.push(place[1], "t", "pushed", "1")
        assert pushed.registration.version == "1"
        assert client.resolve("t", "pushed@latest").verified
        assert [model["model_name"] for model in client.list_models(limit=1).items] == ["m"]


def test_a_client_that_cannot_send_delete(place: tuple[str, Path, Server]) -> None:
    begun = post(f"{place[0]}{BELOW}/v1/uploads", {"task": "t", "model_name": "m", "files": []})
    address = place[0] + re.sub(r"^https?://[^/]*", "", begun.headers["location"])
    tus = ("-H", "Tus-Resumable: 1.0.0")
    assert curl(*tus, "-X", "POST", "-H", "X-HTTP-Method-Override: DELETE", address).status == 204
    assert curl(*tus, address).status in (404, 410)


def test_a_file_of_the_hub(place: tuple[str, Path, Server]) -> None:
    answer = curl(f"{place[0]}{BELOW}/hf/t/m/resolve/main/model.pt")
    assert answer.status == 307
    assert_leads_back(place[0], answer.headers["location"])


def test_the_documentation_and_its_assets(place: tuple[str, Path, Server]) -> None:
    page = curl(f"{place[0]}{BELOW}/docs")
    assets = re.findall(r'(?:src|href)="([^"]*)"', page.body)
    assert assets
    for asset in assets:  # relative to the page
        assert curl("-o", "/dev/null", f"{place[0]}{BELOW}/{asset}").status == 200
    (document,) = re.findall(r'url: "([^"]*openapi\.json)"', page.body)
    assert_leads_back(place[0], document)


def test_the_log_names_the_client_that_a_trusted_proxy_names() -> None:
    for way, expected in (("said by the proxy", "127.0.0.2"), ("stripped", "127.0.0.1")):
        with served(way) as (proxy, _, server):
            curl(f"{proxy}{BELOW}/v1/tasks", "--interface", "127.0.0.2", "-H", "X-Forwarded-For: 10.9.9.9")
            assert [line["remote"] for line in server.log if line.get("path") == "/v1/tasks"] == [expected]


def test_nothing_of_a_client_is_believed_where_no_proxy_is_trusted() -> None:
    with scratch() as root, gunicorn(root, workers=1) as server:
        lies = ("-H", "X-Forwarded-Prefix: /x", "-H", "X-Forwarded-Host: attacker.example")
        answer = post(f"{server.url}/v1/uploads", {"task": "t", "model_name": "m"}, *lies)
        assert answer.headers["location"].startswith("/v1/uploads/")


@pytest.mark.parametrize("path", ["modelregistry", "/v1", "/hf/x", "/a b", "/a//b", "/docs"])
def test_a_path_that_cannot_be_is_refused(path: str) -> None:
    with pytest.raises(NotConfigured, match="BASE_PATH"):
        Settings.from_env({PREFIX + "BASE_PATH": path})


def test_no_view_writes_an_address_of_its_own() -> None:
    """Addresses are made by ``url_for``, which knows the path that the service is below."""
    for module in [*REPOSITORY.glob("app/v1/*.py"), *REPOSITORY.glob("app/hub/*.py"), *REPOSITORY.glob("app/web/*.py")]:
        text = re.sub(r'""".*?"""', "", module.read_text(), flags=re.DOTALL)
        for line in text.splitlines():
            if re.search(r'f?"(/v1/|/hf/)', line.partition("#")[0]):
                assert re.search(r"url_prefix=|PATH_INFO|blueprint\.|request\.path", line), f"{module.name}: {line}"

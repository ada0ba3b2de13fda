"""``deploy/nginx.conf`` at work: TLS with real certificates, limits, and what it never lets through."""

from __future__ import annotations

import http.client
import http.server
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from registry_core import CoreSettings, ModelRegistry

from ..files.accel import accelerating_nginx
from ..support.machine import need
from ..support.servers import PREFIX, REPOSITORY, START_S, free_port, gunicorn, nginx_configured, site_configuration

NAME = "registry.example"
IDENTITY = [
    *(
        "X-User-Id",
        "X-Organization-ID",
        "X-Permissions",
        "X-Roles",
        "X-Scopes",
        "X-Client-Id",
        "X-User-Email",
        "X-Org-Id",
    ),
    *("X-Team-Id", "X-Remote-User", "Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups"),
    *("X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups"),
]
HSTS = "max-age=63072000"


class _Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the headers that reached it, and with those of ``more``."""

    protocol_version = "HTTP/1.1"
    more: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        for name, value in {**self.more, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def echoing(kind: type[_Echo] = _Echo, **more: str) -> Iterator[str]:
    handler = type("Echo", (kind,), {"more": {name.replace("_", "-"): value for name, value in more.items()}})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def with_tls(upstream: str, port: int, plain_port: int, directory: Path) -> str:
    """The shipped configuration with its lines for TLS, as docs/operations.md says, on ports of this machine."""
    text = site_configuration([upstream], 1)
    assert text.count("listen 127.0.0.1:1;") == text.count("        server_name _;\n") == 1
    text = text.replace("listen 127.0.0.1:1;", "").replace("        server_name _;\n", "").replace("#TLS ", "")
    text = text.replace("listen 443 ", f"listen 127.0.0.1:{port} ").replace(
        "listen 80", f"listen 127.0.0.1:{plain_port}"
    )
    return text.replace("/etc/nginx/tls/", f"{directory}/")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a new key, and of a certificate of it for ``NAME``."""
    need(shutil.which("openssl"), "openssl is not installed; on Debian: apt-get install openssl")
    directory = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", str(directory / "privkey.pem"), "-out", str(directory / "fullchain.pem")),
        ],
        check=True,
        capture_output=True,
    )
    return directory


class Tls:
    """An nginx with TLS, and how to speak to it."""

    def __init__(self, port: int, plain_port: int, certificate: Path) -> None:
        self.port, self.plain_port, self.certificate = port, plain_port, certificate

    def connect(self, *, sni: str = NAME, most: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.certificate / "fullchain.pem"))
        if most is not None:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = most
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.check_hostname = sni == NAME
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return context.wrap_socket(raw, server_hostname=sni)

    def get(self, path: str, *, host: str = NAME) -> http.client.HTTPResponse:
        with self.connect() as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            answer.read()
            return answer


@pytest.fixture(scope="module")
def tls(certificate: Path) -> Iterator[Tls]:
    plain_port = free_port()
    with (
        echoing() as upstream,
        nginx_configured(lambda port: with_tls(upstream, port, plain_port, certificate)) as url,
    ):
        yield Tls(int(url.rpartition(":")[2]), plain_port, certificate)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_of_today_is_spoken(tls: Tls, version: ssl.TLSVersion) -> None:
    with tls.connect(most=version) as connection:
        assert connection.version() == version.name.replace("_", ".")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_of_yesterday_is_not(tls: Tls, version: ssl.TLSVersion) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls.connect(most=version)


def test_every_answer_over_tls_says_to_come_by_nothing_else(tls: Tls) -> None:
    for path, status in (
        ("/x", 200),
        ("/_problem", 404),
        ("/_packages/tasks/x", 404),
        ("/_packages/log/tokens/x", 404),
    ):
        answer = tls.get(path)
        assert (answer.status, answer.headers.get_all("Strict-Transport-Security")) == (status, [HSTS]), path


def test_a_browser_signs_in_over_tls_that_ends_at_the_proxy(certificate: Path, tmp_path: Path) -> None:
    root, plain_port = tmp_path / "root", free_port()
    root.mkdir()
    registry = ModelRegistry.open(settings=CoreSettings(root=str(root)))
    token = registry.create_token("service", "ci").token
    env = {PREFIX + "AUTH": "required", PREFIX + "TRUSTED_PROXIES": "1", PREFIX + "TRUSTED_HOSTS": NAME}
    with (
        gunicorn(root, env=env) as server,
        nginx_configured(lambda port: with_tls(server.url, port, plain_port, certificate)) as url,
        httpx.Client(
            base_url=f"https://127.0.0.1:{url.rpartition(':')[2]}",
            verify=ssl.create_default_context(cafile=str(certificate / "fullchain.pem")),
            headers={"Host": NAME, "Origin": f"https://{NAME}"},
            timeout=120,
        ) as browser,
    ):
        over = {"extensions": {"sni_hostname": NAME}}
        done = browser.post("/v1/auth/login", data={"token": token, "next": "/v1/models"}, **over)
        assert (done.status_code, done.headers["Location"]) == (303, "/v1/models")
        cookie = done.headers["Set-Cookie"]
        assert cookie.startswith("__Host-registry_session=")
        assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
        sent = {"Cookie": cookie.partition(";")[0]}
        me = browser.get("/v1/auth/me", headers=sent, **over)
        assert (me.status_code, me.json()["name"], me.json()["via"]) == (200, "ci", "session")
        assert browser.post("/v1/auth/logout", headers=sent, **over).status_code == 403
        sent["X-Form-Token"] = me.headers["X-Form-Token"]
        assert browser.post("/v1/auth/logout", headers=sent, **over).status_code == 200
        assert token not in server.log_file.read_text()


def test_a_name_that_is_not_ours_gets_no_certificate_and_no_answer(tls: Tls) -> None:
    with pytest.raises(ssl.SSLError):
        tls.connect(sni="other.example")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        tls.get("/x", host="other.example")


def test_plain_http_leads_to_tls_by_our_name_only(tls: Tls) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", tls.plain_port, timeout=30)
    plain.request("GET", "/v1/models?limit=1", headers={"Host": NAME})
    answer = plain.getresponse()
    answer.read()
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{NAME}/v1/models?limit=1")
    plain.close()
    plain.request("GET", "/v1/models", headers={"Host": "other.example"})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        plain.getresponse()
    plain.close()


def test_the_shipped_lines_for_plain_http_promise_no_tls() -> None:
    with echoing() as upstream, nginx_configured(lambda port: site_configuration([upstream], port)) as url:
        answer = _get(url, "/x")
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] is None


def test_no_header_says_who_calls_but_the_credentials() -> None:
    with echoing() as upstream, nginx_configured(lambda port: site_configuration([upstream], port)) as url:
        sent = {**dict.fromkeys(IDENTITY, "admin"), "X_User_Id": "admin", "Authorization": "Bearer x", "Cookie": "a=b"}
        arrived = json.loads(_get(url, "/x", sent).body)
    assert not {name.lower() for name in [*IDENTITY, "X_User_Id"]} & set(arrived)
    assert (arrived["authorization"], arrived["cookie"]) == ("Bearer x", "a=b")
    cleared = re.findall(r'proxy_set_header (\S+) +"";', (REPOSITORY / "deploy/nginx.conf").read_text())
    assert {name.lower() for name in IDENTITY} <= {name.lower() for name in cleared}


def test_more_than_the_limits_is_a_problem_that_says_so() -> None:
    """The shipped limits, made small: they count by address, and what is beyond them does not reach the service."""

    def small(port: int) -> str:
        text = site_configuration([upstream], port)
        assert "rate=1000r/s" in text
        return text.replace("rate=1000r/s", "rate=1r/m").replace("burst=4000", "burst=1")

    with echoing() as upstream, nginx_configured(small) as url:
        answers = [_get(url, "/x") for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert json.loads(answers[2].body)["code"] == "too_many_requests"
        assert answers[2].headers["Content-Type"] == "application/problem+json"


def test_of_an_address_that_has_its_connections_one_more_is_refused_and_others_go_on() -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Waiting(_Echo):
        def do_GET(self) -> None:
            if self.path == "/long":
                asked.set()
                go_on.wait(START_S)
            super().do_GET()

    def small(port: int) -> str:
        text = site_configuration([upstream], port)
        assert "limit_conn connections 1024;" in text
        return text.replace("limit_conn connections 1024;", "limit_conn connections 1;")

    with echoing(Waiting) as upstream, nginx_configured(small) as url, ThreadPoolExecutor(1) as pool:
        first = pool.submit(_get, url, "/long")
        try:
            assert asked.wait(START_S)
            refused = _get(url, "/x")
        finally:
            go_on.set()
        assert (refused.status, json.loads(refused.body)["code"]) == (429, "too_many_requests")
        assert first.result().status == 200


@pytest.mark.parametrize("directive", ["limit_conn connections", "client_header_timeout", "client_body_timeout"])
def test_who_is_slow_or_many_is_bounded(directive: str) -> None:
    assert re.search(rf"^ +{directive} +\d+s?;", (REPOSITORY / "deploy/nginx.conf").read_text(), re.MULTILINE)


SECRET = "the digest of a token"
KEPT = [
    "log/tokens/one.json",
    "log/journal/registry.jsonl",
    "registry.json",
    ".catalog/x",
    "tasks/../log/tokens/one.json",
]


@pytest.mark.parametrize("key", KEPT)
def test_nothing_of_the_root_but_its_tasks_can_be_sent(tmp_path: Path, key: str) -> None:
    """Not even where the service itself were made to name such a file."""
    (tmp_path / "tasks").mkdir()
    file = tmp_path / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(SECRET)
    for address in (f"/_packages/{key}", f"/_packages/tasks/../{key}"):
        with echoing(X_Accel_Redirect=address) as upstream, accelerating_nginx(upstream, tmp_path) as url:
            answer = _get(url, "/v1/files/x")
            assert answer.status in (404, 500)
            assert SECRET.encode() not in answer.body
            assert _get(url, address).status in (400, 404)


def test_what_lies_below_tasks_is_sent(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/x").write_text("bytes")
    with (
        echoing(X_Accel_Redirect="/_packages/tasks/x", Vary="Authorization", Cache_Control="private") as upstream,
        accelerating_nginx(upstream, tmp_path) as url,
    ):
        answer = _get(url, "/v1/files/x")
    assert (answer.status, answer.body) == (200, b"bytes")
    assert answer.headers.get_all("Vary") == ["Authorization"]
    assert answer.headers.get_all("Cache-Control") == ["private"]


class _Answer:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()


def _get(url: str, path: str, headers: dict[str, str] | None = None) -> _Answer:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        return _Answer(connection.getresponse())
    finally:
        connection.close()

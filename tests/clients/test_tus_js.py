"""tus-js-client and Uppy, in Node and in a page of another origin, as they come from npm."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..app.conftest import scratch
from ..support.installing import run
from ..support.machine import MIB
from ..support.proxy import Fault, faulty_proxy
from ..support.servers import PREFIX, gunicorn
from ..support.serving import send, serving
from ..uploads.wire import Wire, named, sha256

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

HERE = Path(__file__).parent
DATA = random.Random(11).randbytes(3 * MIB + 7)
NAME = "nested/größe.bin"


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with scratch() as area:
        (area / "root").mkdir()
        with gunicorn(area / "root") as server:
            yield Wire(server.url, area / "root")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "model.pt").write_bytes(DATA)
    return tmp_path / "model.pt"


def push(javascript: Path, endpoint: str, source: Path, options: str) -> list[str]:
    """The requests that it made, each with the status of its answer."""
    script = str(HERE / "tus_in_node.js")
    return run(
        ["node", script, endpoint, str(source), options], cwd=source.parent, NODE_PATH=str(javascript)
    ).splitlines()


def complete(wire: Wire, session: dict[str, Any], path: str = NAME, data: bytes = DATA) -> str:
    """The address of the session's only file, which has arrived."""
    [file] = wire.http.get(session["url"]).json()["files"]
    assert (file["path"], file["sha256"], file["complete"]) == (path, sha256(data), True)
    return str(file["url"])


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        ("{}", ["POST 201", "PATCH 204"]),
        ('{"uploadDataDuringCreation": true}', ["POST 201"]),
        ('{"uploadDataDuringCreation": true, "chunkSize": 1048576}', ["POST 201", *["PATCH 204"] * 3]),
        (
            '{"uploadDataDuringCreation": true, "overridePatchMethod": true, "chunkSize": 2097152}',
            ["POST 201", "POST 204"],
        ),
    ],
)
def test_what_it_sends_arrives(wire: Wire, javascript: Path, source: Path, options: str, requests: list[str]) -> None:
    session = wire.begin()
    *seen, done = push(javascript, wire.url + session["url"], source, options)
    assert seen == requests
    assert done == f"done {complete(wire, session)}"
    said = wire.http.head(done.removeprefix("done "), headers={"Tus-Resumable": "1.0.0"}).headers["Upload-Metadata"]
    assert said == f"{named(NAME)},empty ,filetype YXBwbGljYXRpb24veC13ZWlnaHRz"
    assert wire.register(session, f"v{hash(options) % 10**8}").status_code == 201


def test_a_file_without_bytes_is_complete_once_it_is_there(wire: Wire, javascript: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    session = wire.begin()
    seen = push(javascript, wire.url + session["url"], tmp_path / "empty", '{"uploadDataDuringCreation": true}')
    assert seen[0] == "POST 201"
    complete(wire, session, data=b"")


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.LOSE_REPLY, Fault.SLOW_DOWN])
@pytest.mark.parametrize("chunk", ["", ', "chunkSize": 1048576'])
def test_a_creation_whose_answer_is_lost_is_repeated(
    wire: Wire, javascript: Path, source: Path, fault: Fault, chunk: str
) -> None:
    with faulty_proxy(wire.url) as proxy:
        proxy.add(fault, method="POST", times=2)
        session = wire.begin()
        options = '{"uploadDataDuringCreation": true' + chunk + "}"
        push(javascript, proxy.url + session["url"], source, options)
    complete(wire, session)


def test_parts_that_shall_be_put_together_are_refused(wire: Wire, javascript: Path, source: Path) -> None:
    session = wire.begin()
    seen = push(javascript, wire.url + session["url"], source, '{"parallelUploads": 2}')
    assert "refused 400" in seen, seen
    assert wire.http.get(session["url"]).json()["files"] == []


# in a page of another origin


class _Page(BaseHTTPRequestHandler):
    script = b""

    def do_GET(self) -> None:
        if self.path == "/page.js":
            send(self, "text/javascript", self.script)
        else:
            send(self, "text/html", b'<!doctype html><title>a page</title><script src="/page.js"></script>')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def page(javascript: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a web application that has both libraries."""
    place = tmp_path_factory.mktemp("page")
    bundle = [
        str(javascript / ".bin" / "esbuild"),
        str(HERE / "tus_in_browsers.js"),
        "--bundle",
        f"--outfile={place}/page.js",
    ]
    run(bundle, cwd=place, NODE_PATH=str(javascript))
    handler = type("_WithScript", (_Page,), {"script": (place / "page.js").read_bytes()})
    with serving(handler) as origin:
        yield origin


@contextmanager
def allowing(*origins: str) -> Iterator[Wire]:
    with scratch() as area:
        (area / "root").mkdir()
        with gunicorn(area / "root", workers=1, env={PREFIX + "CORS_ORIGINS": ",".join(origins)}) as server:
            yield Wire(server.url, area / "root")


SEND = "const done = arguments[arguments.length - 1]; window[arguments[0]](...[...arguments].slice(1, -1)).then(done);"


@pytest.mark.parametrize("chunk_size", [None, MIB])
@pytest.mark.parametrize("during_creation", [False, True])
def test_a_page_sends_by_either(browser: Chrome, page: str, chunk_size: int | None, during_creation: bool) -> None:
    options = {"uploadDataDuringCreation": during_creation, **({"chunkSize": chunk_size} if chunk_size else {})}
    size = 2 * MIB + 3
    with allowing(page) as wire:
        browser.get(page)
        first, second = wire.begin(), wire.begin()
        said = browser.execute_async_script(SEND, "sendByTus", wire.url + first["url"], size, options)
        assert said == {"url": complete(wire, first, "by tus.bin", b"A" * size)}
        said = browser.execute_async_script(SEND, "sendByUppy", wire.url + second["url"], size, options)
        assert said == {"successful": ["by uppy.bin"], "failed": []}
        complete(wire, second, "by uppy.bin", b"B" * size)
        assert wire.register(first, "1").status_code == wire.register(second, "2").status_code == 201


def test_a_page_that_is_not_named_sends_nothing(browser: Chrome, page: str) -> None:
    with allowing("https://another.example") as wire:
        browser.get(page)
        session = wire.begin()
        said = browser.execute_async_script(SEND, "sendByTus", wire.url + session["url"], 5, {})
        assert "failed to create upload" in said["refused"]
        said = browser.execute_async_script(SEND, "sendByUppy", wire.url + session["url"], 5, {})
        assert (said["successful"], len(said["failed"])) == ([], 1)
        assert wire.http.get(session["url"]).json()["files"] == []

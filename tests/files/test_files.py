"""One file over HTTP: its bytes, its headers, ranges and conditions; the same through nginx that sends it itself."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from contextlib import ExitStack
from datetime import datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, unquote, urljoin

import pytest

from registry_core import ModelRegistry

from ..app.conftest import scratch
from ..support.machine import remove_tree
from ..support.packages import write_files
from ..support.servers import gunicorn, wait_for
from .accel import ACCEL, accelerating_nginx
from .conftest import FILES, LARGE, MODEL, TASK, Reply, Service, address, call

PROBLEM = "application/problem+json"
SHA256 = hashlib.sha256(LARGE).hexdigest()
ETAG = f'"{SHA256}"'
LARGE_FILE = address("model.pt")


def assert_problem(reply: Reply, status: int, code: str) -> None:
    assert reply.status == status, reply.body[:200]
    assert reply.headers["content-type"] == PROBLEM
    assert json.loads(reply.body)["code"] == code


@pytest.mark.parametrize("path", FILES)
def test_every_file_comes_whole_with_its_digest(service: Service, path: str) -> None:
    whole, head = call(service.url, address(path)), call(service.url, address(path), method="HEAD")
    assert (whole.status, whole.body) == (200, FILES[path])
    assert (head.status, head.body) == (200, b"")
    sha256 = hashlib.sha256(FILES[path]).digest()
    for reply in (whole, head):
        assert reply.headers["etag"] == f'"{sha256.hex()}"'
        assert reply.headers["repr-digest"] == f"sha-256=:{base64.b64encode(sha256).decode()}:"
        assert reply.headers["content-length"] == str(len(FILES[path]))
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["accept-ranges"] == "bytes"
        assert reply.headers["x-model-version"] == "1"
        assert reply.headers["cache-control"] == "no-cache"
        assert re.fullmatch(r"[0-9a-f]{32}", reply.headers["x-request-id"])
        name = path.rpartition("/")[2]
        assert reply.headers["content-disposition"].endswith(f"; filename*=UTF-8''{quote(name, safe='')}")
        assert "content-encoding" not in reply.headers


def test_nginx_sends_the_bytes_itself_where_it_shall(service: Service) -> None:
    """The service's own answer to the same request has no byte in it, and nginx tells nobody where the file is."""
    own = call(service.server.url, LARGE_FILE)
    assert (own.body == b"" and "x-accel-redirect" in own.headers) is service.accelerated
    assert "x-accel-redirect" not in call(service.url, LARGE_FILE).headers
    assert call(service.url, f"/_packages/tasks/{TASK}/models/{MODEL}/versions/1/model.pt").status == 404


def test_the_manifest_and_the_metadata_are_files_too(service: Service) -> None:
    for name in ("sha256sums.txt", "model_meta.json"):
        reply = call(service.url, address(name))
        assert reply.body == (service.package / name).read_bytes()
        assert reply.headers["etag"] == f'"{hashlib.sha256(reply.body).hexdigest()}"'


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-", 1000, len(LARGE)),
        ("bytes=-10", len(LARGE) - 10, len(LARGE)),
        ("bytes=65536-131071", 65536, 131072),
    ],
)
def test_a_range(service: Service, header: str, start: int, end: int) -> None:
    reply = call(service.url, LARGE_FILE, {"Range": header})
    assert (reply.status, reply.body) == (206, LARGE[start:end])
    assert reply.headers["content-range"] == f"bytes {start}-{end - 1}/{len(LARGE)}"
    assert reply.headers["content-length"] == str(end - start)
    assert reply.headers["etag"] == ETAG
    assert reply.headers["x-model-version"] == "1"


def test_several_ranges(service: Service) -> None:
    wanted = [(0, 10), (100, 50), (len(LARGE) - 5, 5)]
    header = "bytes=" + ",".join(f"{start}-{start + length - 1}" for start, length in wanted)
    reply = call(service.url, LARGE_FILE, {"Range": header})
    assert reply.status == 206
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert reply.headers["etag"] == ETAG
    assert "content-range" not in reply.headers
    head = f"Content-Type: {reply.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + reply.body)
    assert message.get_content_type() == "multipart/byteranges"
    parts = list(message.iter_parts())
    assert [part.get_payload(decode=True) for part in parts] == [LARGE[start : start + n] for start, n in wanted]
    for part, (start, length) in zip(parts, wanted, strict=True):
        assert part["Content-Range"] == f"bytes {start}-{start + length - 1}/{len(LARGE)}"


@pytest.mark.parametrize(
    "header", ["bytes=5-4", "lines=1-2", "bytes=0-,0-", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 200, 2))]
)
def test_a_range_that_is_ignored(service: Service, header: str) -> None:
    reply = call(service.url, LARGE_FILE, {"Range": header})
    assert (reply.status, reply.body) == (200, LARGE)


def test_a_head_has_no_range(service: Service) -> None:
    reply = call(service.url, LARGE_FILE, {"Range": "bytes=0-9"}, "HEAD")
    assert (reply.status, reply.headers["content-length"]) == (200, str(len(LARGE)))


@pytest.mark.parametrize("path", ["model.pt", "empty"])
def test_a_range_beyond_the_end_is_a_problem(service: Service, path: str) -> None:
    reply = call(service.url, address(path), {"Range": f"bytes={len(FILES[path])}-"})
    assert_problem(reply, 416, "http_416")
    assert reply.headers["content-range"] == f"bytes */{len(FILES[path])}"


def test_if_range(service: Service) -> None:
    for if_range, status in ((ETAG, 206), (f"W/{ETAG}", 200), ('"0"', 200), ("Tue, 24 Nov 2026 16:00:00 GMT", 200)):
        reply = call(service.url, LARGE_FILE, {"Range": "bytes=0-1", "If-Range": if_range})
        assert (reply.status, len(reply.body)) == (status, 2 if status == 206 else len(LARGE)), if_range
    reply = call(service.url, LARGE_FILE, {"Range": f"bytes={len(LARGE)}-", "If-Range": '"0"'})
    assert reply.status == 200


def test_if_none_match(service: Service) -> None:
    for method in ("GET", "HEAD"):
        for etag in (ETAG, f"W/{ETAG}", f'"0", {ETAG}', "*"):
            reply = call(service.url, LARGE_FILE, {"If-None-Match": etag, "Range": "bytes=0-0"}, method)
            assert (reply.status, reply.body) == (304, b"")
            assert reply.headers["etag"] == ETAG
            assert "content-type" not in reply.headers
        assert call(service.url, LARGE_FILE, {"If-None-Match": '"0"'}, method).status == 200


def test_if_match(service: Service) -> None:
    for etag in (ETAG, f'"0", {ETAG}', "*"):
        reply = call(service.url, LARGE_FILE, {"If-Match": etag, "Range": "bytes=0-1"})
        assert (reply.status, reply.body) == (206, LARGE[:2])
    for etag in ('"0"', f"W/{ETAG}"):
        assert_problem(call(service.url, LARGE_FILE, {"If-Match": etag}), 412, "http_412")


def test_the_date_of_a_file_decides_nothing(service: Service) -> None:
    """An alias may move to a file of the same date; and a date that is yet to come says nothing."""
    reply = call(service.url, LARGE_FILE, {"If-Modified-Since": "Fri, 31 Dec 2100 23:59:59 GMT"})
    assert reply.status == 200
    of_the_file = formatdate(os.stat(service.package / "model.pt").st_mtime, usegmt=True)
    assert call(service.url, LARGE_FILE, {"If-Modified-Since": of_the_file}).status == 200


def test_the_date_is_when_the_selector_came_to_name_the_version(service: Service, tmp_path: Path) -> None:
    registry = ModelRegistry.open(service.root)
    registry.register(TASK, "dated", "1", write_files(tmp_path / "1", {"model.pt": b"1"}), set_alias="a")
    path = f"/v1/files/{TASK}/dated/{{}}/model.pt".format
    assert "last-modified" not in call(service.url, path("a")).headers, "it may move again within this second"
    dated = wait_for(lambda: call(service.url, path("a")), lambda reply: "last-modified" in reply.headers, "no date")
    said = dated.headers["last-modified"]
    moved = datetime.fromisoformat(registry.list_aliases(TASK, "dated")[0].updated_at or "")
    assert timedelta(0) < parsedate_to_datetime(said) - moved <= timedelta(seconds=1)
    created = datetime.fromisoformat(registry.show(TASK, "dated@1").meta["created_at"])
    of_version = call(service.url, path("1")).headers["last-modified"]
    assert parsedate_to_datetime(of_version) == created.replace(microsecond=0)

    for method in ("GET", "HEAD"):
        since = {"If-Modified-Since": said}
        same = call(service.url, path("a"), since, method)
        assert (same.status, same.body) == (304, b"")
        assert call(service.url, path("a"), {**since, "If-None-Match": '"other"'}, method).status == 200
        assert call(service.url, path("a"), {**since, "If-None-Match": same.headers["etag"]}, method).status == 304
        assert call(service.url, path("a"), {**since, "If-Match": '"other"'}, method).status == 412
        before = formatdate(parsedate_to_datetime(said).timestamp() - 1, usegmt=True)
        assert call(service.url, path("a"), {"If-Modified-Since": before}, method).status == 200
        assert call(service.url, path("a"), {"If-Modified-Since": "yesterday"}, method).status == 200

    registry.register(TASK, "dated", "2", write_files(tmp_path / "2", {"model.pt": b"2"}), set_alias="a")
    registry.promote(TASK, "dated", "a", "1")
    registry.promote(TASK, "dated", "a", "2")
    assert call(service.url, path("a"), {"If-Modified-Since": said}).body == b"2"


# folders


def folder(path: str = "", selector: str = "1") -> str:
    return f"/v1/files/{TASK}/{MODEL}/{selector}/{quote(path)}"


def links(reply: Reply) -> list[str]:
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    return re.findall(r'<a href="([^"]*)">', reply.body.decode())


@pytest.mark.parametrize("accept", [None, "*/*", "text/html,application/xml;q=0.9,*/*;q=0.8", "image/png"])
def test_a_folder_is_a_page_of_links(service: Service, accept: str | None) -> None:
    headers = {"Accept": accept} if accept else {}
    page = call(service.url, folder(), headers)
    names = {path.partition("/")[0] + ("/" if "/" in path else "") for path in FILES}
    assert links(page) == sorted(quote(name, safe="/") for name in {*names, "model_meta.json", "sha256sums.txt"})
    assert page.headers["vary"] == "Accept"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert not re.search("script-src|style-src|unsafe", page.headers["content-security-policy"])
    assert page.headers["x-model-version"] == "1"
    found = [urljoin(folder(), link) for link in links(page)]
    while found:
        address = found.pop()
        reply = call(service.url, address)
        assert reply.status == 200
        if address.endswith("/"):
            found += [urljoin(address, link) for link in links(reply)]
        elif unquote(address.removeprefix(folder())) in FILES:
            assert reply.body == FILES[unquote(address.removeprefix(folder()))]
    head = call(service.url, folder(), headers, "HEAD")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/html;q=0.9", "application/*"])
def test_a_folder_is_json_for_whoever_prefers_it(service: Service, accept: str) -> None:
    reply = call(service.url, folder("odd/"), {"Accept": accept})
    assert (reply.headers["content-type"], reply.headers["vary"]) == ("application/json", "Accept")
    expected = sorted(path.removeprefix("odd/") for path in FILES if path.startswith("odd/"))
    said = json.loads(reply.body)
    assert (said["ok"], said["version"], said["path"]) == (True, "1", "odd")
    assert said["entries"] == [
        {
            "name": name,
            "type": "file",
            "size_bytes": len(FILES[f"odd/{name}"]),
            "sha256": hashlib.sha256(FILES[f"odd/{name}"]).hexdigest(),
        }
        for name in expected
    ]
    top = json.loads(call(service.url, folder(), {"Accept": accept}).body)["entries"]
    assert {"name": "odd", "type": "directory"} in top


def test_a_folder_without_its_slash_leads_to_it(service: Service) -> None:
    for path in ("", "deep", "deep/er", "odd"):
        without = folder(path).rstrip("/")
        reply = call(service.url, without)
        assert (reply.status, reply.headers["location"]) == (308, without + "/")
    for path in ("model.pt/", "deep//", "nothing/", "dee/"):
        assert_problem(call(service.url, folder() + path), 404, "artifact_not_found")
    assert_problem(call(service.url, folder() + "/"), 404, "no_such_path")
    assert_problem(call(service.url, folder(selector="nobody")), 404, "version_not_found")


HOSTILE = [
    '"><script>alert(1)<',
    "<b>&amp;'",
    "javascript:alert(1)",
    "//attacker.example",
    "?query#fragment",
    "index.html",
    "new\nline",
    "a\u202egnp.exe",
    "%2e%2e",
    " ",
]


def test_names_in_a_page_are_only_names(service: Service) -> None:
    """What older software has let in, too."""
    top = service.root / f"tasks/{TASK}/models/hostile/versions/1"
    names = [name for name in HOSTILE if "/" not in name]
    write_files(top, {**{name: name.encode() for name in names}, "model_meta.json": b"{}"})
    (top / "dir<i>").mkdir()
    (top / "dir<i>" / "x").write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(top) + b"/\xff\xfe<u>")).write_bytes(b"bytes")
    for path in ("", quote("dir<i>/")):
        page = call(service.url, f"/v1/files/{TASK}/hostile/1/{path}")
        assert page.status == 200
        text = page.body.decode()
        tags = re.findall(r"<[^>]*>", text)
        assert {re.sub(r' href="[^"]*"', "", tag) for tag in tags} <= {
            *("<!doctype html>", '<html lang="en">', "</html>", "<head>", "</head>", '<meta charset="utf-8">'),
            *("<title>", "</title>", "<body>", "</body>", "<h1>", "</h1>", "<pre>", "</pre>", "<a>", "</a>"),
        }
        for link in links(page):
            assert re.fullmatch(r"[A-Za-z0-9_.~%-]+/?", link)
            assert link not in ("..", ".", "../")
            assert call(service.server.url, f"/v1/files/{TASK}/hostile/1/{path}{link}").status == 200
    real = call(service.url, f"/v1/files/{TASK}/hostile/1/index.html")
    assert (real.body, real.headers["content-type"]) == (b"index.html", "application/octet-stream")
    as_json = call(service.url, f"/v1/files/{TASK}/hostile/1/", {"Accept": "application/json"})
    assert set(names) <= {entry["name"] for entry in json.loads(as_json.body)["entries"]}


OUTSIDE = [
    "../model_meta.json",
    "../../aliases/latest.json",
    "..%2f..%2faliases%2flatest.json",
    "%2e%2e/%2e%2e/aliases/latest.json",
    "deep/../../../aliases/latest.json",
    "deep/er/../label%20map.json",
    "./model.pt",
    "deep//er/label%20map.json",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "model.pt/",
    "model.pt%00",
    "model.pt%00.json",
    "..",
    "%ff",
    "model.pt%0d%0aX: y".replace(" ", "%20"),
    "odd\\gr",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_but_the_files_of_the_package_is_reachable(service: Service, path: str) -> None:
    for front in ("files", "archive"):
        reply = call(service.url, f"/v1/{front}/{TASK}/{MODEL}/latest/{path}")
        assert reply.status in (400, 404), reply
        assert b"updated_at" not in reply.body
        assert b"root:" not in reply.body
        assert reply.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..", ".staging", "%00", "a%0ab", "x" * 200])
def test_no_name_leads_out_of_the_registry(service: Service, name: str) -> None:
    for place in (f"{name}/{MODEL}/1/model.pt", f"{TASK}/{name}/1/model.pt", f"{TASK}/{MODEL}/{name}/model.pt"):
        assert call(service.url, f"/v1/files/{place}").status in (400, 404, 422)


def test_a_planted_symlink_leads_nowhere(service: Service, tmp_path: Path) -> None:
    """Not a name in the package: not one that was registered, whatever is behind it."""
    (tmp_path / "secret").write_text("hidden content")
    registry = ModelRegistry.open(service.root)
    source = write_files(tmp_path / "source", {"model.pt": b"1", "deep/file": b"2"})
    registry.register(TASK, "planted", "1", source)
    package = Path(registry.resolve(TASK, "planted@1").path)
    assert call(service.url, f"/v1/files/{TASK}/planted/1/deep/file").body == b"2"
    for directory in (package, package / "deep"):
        directory.chmod(0o755)
    (package / "link").symlink_to(tmp_path / "secret")
    (package / "way").symlink_to(tmp_path)
    (package / "deep" / "file").unlink()
    (package / "deep" / "file").symlink_to(tmp_path / "secret")
    for path in ("link", "way/secret", "deep/file"):
        reply = call(service.url, f"/v1/files/{TASK}/planted/1/{path}")
        assert reply.status >= 400, path
        assert b"hidden" not in reply.body, path
    assert b"hidden" not in call(service.url, f"/v1/archive/{TASK}/planted/1").body
    remove_tree(package)


def test_what_is_not_there(service: Service) -> None:
    assert_problem(call(service.url, address("nothing")), 404, "artifact_not_found")
    assert_problem(call(service.url, address("model.pt", "nobody")), 404, "version_not_found")
    assert_problem(call(service.url, f"/v1/files/{TASK}/nobody/latest/model.pt"), 404, "model_not_found")
    assert call(service.url, address("nothing"), method="HEAD").status == 404
    assert call(service.url, address("model.pt"), method="PUT").status == 405


def test_a_file_of_another_length_is_damage(service: Service, tmp_path: Path) -> None:
    """The listing of a package is remembered; a length that no longer fits it is never sent under the old digest."""
    registry = ModelRegistry.open(service.root)
    registry.register(TASK, "shortened", "1", write_files(tmp_path / "source", {"model.pt": b"12345"}))
    path = f"/v1/files/{TASK}/shortened/1/model.pt"
    assert call(service.server.url, path).status == 200
    file = Path(registry.resolve(TASK, "shortened@1").path) / "model.pt"
    file.chmod(0o644)
    file.write_bytes(b"123")
    reply = call(service.server.url, path, {"If-Match": "*"})  # by the service itself, also behind nginx
    if reply.status == 200:
        assert (reply.headers["content-length"], reply.body) == ("3", b"123")  # a fresh look at the package
    else:
        assert_problem(reply, 409, "package_corrupt")


def test_a_file_that_nginx_cannot_read_is_a_fault_and_not_a_wrong_name() -> None:
    """The root is not where nginx looks: nobody must take that for a version that is not there."""
    with scratch() as area, ExitStack() as opened:
        (area / "root").mkdir()
        (area / "elsewhere").mkdir()
        ModelRegistry.open(area / "root").register(TASK, MODEL, "1", write_files(area / "source", {"model.pt": b"1"}))
        server = opened.enter_context(gunicorn(area / "root", workers=1, env=ACCEL))
        url = opened.enter_context(accelerating_nginx(server.url, area / "elsewhere"))
        reply = call(url, LARGE_FILE)
        assert_problem(reply, 500, "internal_error")
        assert json.loads(reply.body)["request_id"] == reply.headers["x-request-id"]
        assert_problem(call(url, address("nothing")), 404, "artifact_not_found")

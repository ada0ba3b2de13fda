"""Files of a registry on an object store: the store sends them, or the service does where it is told to."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from registry_core import CoreSettings, ModelRegistry

from ..app.curl import get
from ..support.packages import write_files
from ..support.proxy import FaultyProxy, faulty_proxy
from ..support.seaweed import Seaweed, environment
from ..support.servers import PREFIX, gunicorn, wait_for, wait_until
from .conftest import FILES, LARGE, MODEL, TASK, address, call

ETAG = f'"{hashlib.sha256(LARGE).hexdigest()}"'
STREAM = {PREFIX + "PRESIGN_S": "0"}
QUIET = {PREFIX + "CATALOG_REFRESH_S": "3600"}  # once it is built, only calls ask the store


@dataclass(frozen=True)
class Stored:
    url: str
    root: str
    registry: ModelRegistry
    proxy: FaultyProxy


@pytest.fixture(scope="module", params=["redirect", "stream"])
def stored(
    request: pytest.FixtureRequest, seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stored]:
    root = seaweed.new_root()
    source = write_files(tmp_path_factory.mktemp("source"), FILES)
    with ExitStack() as opened:
        proxy = opened.enter_context(faulty_proxy(seaweed.endpoint))
        settings = {name: str(value) for name, value in environment(proxy.url).items()}
        for name, value in settings.items():
            patch = opened.enter_context(pytest.MonkeyPatch.context())
            patch.setenv(name, value)
        registry = ModelRegistry.open(root, settings=CoreSettings.from_env(settings))
        registry.register(TASK, MODEL, "1", source)
        more = {**QUIET, **(STREAM if request.param == "stream" else {})}
        server = opened.enter_context(gunicorn(root, env={**settings, **more}, workers=1))
        wait_until(lambda: get(f"{server.url}/health/ready").json["catalog"]["ready"], "the catalogue is never built")
        yield Stored(server.url, root, registry, proxy)


def streams(stored: Stored) -> bool:
    return call(stored.url, address("one")).status == 200


def follow(location: str) -> tuple[str, str]:
    """(server, target) of an absolute address."""
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path}?{parts.query}"


@pytest.mark.parametrize("path", FILES)
def test_every_file_comes_whole(stored: Stored, path: str) -> None:
    head = call(stored.url, address(path), method="HEAD")
    assert (head.status, head.headers["content-length"]) == (200, str(len(FILES[path])))
    assert head.headers["etag"] == f'"{hashlib.sha256(FILES[path]).hexdigest()}"'
    reply = call(stored.url, address(path))
    if streams(stored):
        assert (reply.status, reply.headers["etag"]) == (200, head.headers["etag"])
    else:
        assert (reply.status, reply.body) == (302, b"")
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-linked-etag"] == head.headers["etag"]
        assert "etag" not in reply.headers
        assert reply.headers["x-linked-size"] == str(len(FILES[path]))
        reply = call(*follow(reply.headers["location"]))
    assert (reply.status, reply.body) == (200, FILES[path])


def test_ranges_and_conditions(stored: Stored) -> None:
    path = address("model.pt")
    reply = call(stored.url, path, {"Range": "bytes=1000-1999"})
    if not streams(stored):
        assert reply.status == 302
        server, target = follow(reply.headers["location"])
        reply = call(server, target, {"Range": "bytes=1000-1999"})
    assert (reply.status, reply.body) == (206, LARGE[1000:2000])
    # What the store would judge by an ETag of its own, or not understand, the service sends itself.
    resumed = call(stored.url, path, {"Range": f"bytes={len(LARGE) - 3}-", "If-Range": ETAG})
    assert (resumed.status, resumed.body) == (206, LARGE[-3:])
    several = call(stored.url, path, {"Range": "bytes=0-1,10-11"})
    assert several.status == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert int(several.headers["content-length"]) == len(several.body)
    assert call(stored.url, path, {"If-Match": ETAG}).body == LARGE
    assert call(stored.url, path, {"If-None-Match": ETAG}).status == 304
    assert call(stored.url, path, {"Range": f"bytes={len(LARGE)}-"}).status == 416
    assert call(stored.url, address("nothing")).status == 404


def test_the_archive(stored: Stored) -> None:
    reply = call(stored.url, f"/v1/archive/{TASK}/{MODEL}/latest")
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as archive:
        members = {name: archive.extractfile(name) for name in archive.getnames()}
        found = {name: member.read() for name, member in members.items() if member is not None}
    assert {name: found[name] for name in FILES} == FILES


def test_the_package_is_listed_once_and_not_for_each_file(stored: Stored) -> None:
    call(stored.url, address("model.pt"))
    stored.proxy.clear()
    for path in FILES:
        call(stored.url, address(path))
    lists = [request for request in stored.proxy.passed if "list-type=2" in request.target]
    assert lists == []
    # The alias, the pointer (once more for a presigned address), and the file itself where it is streamed.
    assert len(stored.proxy.passed) <= 4 * len(FILES)


def test_a_commit_id_is_found_by_a_process_that_has_never_seen_it(stored: Stored, tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / "model.pt").write_text(f"version {n}")
        stored.registry.register(TASK, "many", f"v{n}", tmp_path)
    commits = {found.version: found.commit_id for found in stored.registry.hub_commits(TASK, "many")}
    assert len(set(commits.values())) == 5
    fresh = ModelRegistry.open(stored.root, settings=CoreSettings.from_env(environment(stored.proxy.url)))
    stored.proxy.clear()
    assert fresh.snapshot(TASK, "many", commits["v2"]).version == "v2"
    cold = len(stored.proxy.passed)
    stored.proxy.clear()
    assert fresh.snapshot(TASK, "many", commits["v3"]).version == "v3"
    assert len(stored.proxy.passed) <= 6 < cold
    reply = call(stored.url, f"/hf/{TASK}/many/resolve/{commits['v1']}/model.pt")
    if reply.status == 302:
        assert reply.headers["x-repo-commit"] == commits["v1"]
        assert reply.headers["x-linked-etag"] == f'"{hashlib.sha256(b"version 1").hexdigest()}"'
        reply = call(*follow(reply.headers["location"]))
    assert reply.body == b"version 1"
    assert call(stored.url, f"/hf/{TASK}/many/resolve/{quote('v9')}/model.pt").headers["x-error-code"] == (
        "RevisionNotFound"
    )


def test_a_date_is_judged_here_and_not_by_the_store(stored: Stored) -> None:
    """The store would compare it with the object's own, which may be older than the file that the client has."""
    made = "Fri, 02 Jan 1970 00:00:00 GMT"
    reply = call(stored.url, address("model.pt"), {"If-Modified-Since": made})
    assert (reply.status, reply.body) == (200, LARGE)
    dated = wait_for(
        lambda: call(stored.url, address("model.pt"), {"If-Modified-Since": made}),
        lambda reply: "last-modified" in reply.headers,
        "the address has no date",
    )
    since = {"If-Modified-Since": dated.headers["last-modified"]}
    assert call(stored.url, address("model.pt"), since).status == 304


def test_a_range_of_the_archive_and_a_folder(stored: Stored) -> None:
    archive = f"/v1/archive/{TASK}/{MODEL}/1"
    whole = call(stored.url, archive)
    for first, last in (
        (0, 600),
        (len(whole.body) // 2, len(whole.body) // 2 + 300_000),
        (len(whole.body) - 2000, None),
    ):
        part = call(stored.url, archive, {"Range": f"bytes={first}-{'' if last is None else last}"})
        assert (part.status, part.body) == (206, whole.body[first : None if last is None else last + 1])
    page = call(stored.url, f"/v1/files/{TASK}/{MODEL}/1/deep/")
    assert b'<a href="er/">' in page.body

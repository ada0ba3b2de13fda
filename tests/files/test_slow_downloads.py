"""Downloads take as long as their readers do: they hold up nobody, and a deletion does not cut them off."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.web.gate import DOWNLOADS, RESERVED_THREADS
from registry_core import ModelRegistry

from ..app.conftest import scratch
from ..app.curl import post
from ..support.machine import MIB
from ..support.packages import write_files
from ..support.servers import gunicorn, wait_until
from .accel import ACCEL, accelerating_nginx
from .conftest import MODEL, TASK, address, call
from .slow import SlowDownload

DOWNLOADS_AT_ONCE = 50
LARGE = os.urandom(MIB) * 8
LARGE_FILE = address("model.pt")
ARCHIVE = f"/v1/archive/{TASK}/{MODEL}/latest"


@dataclass(frozen=True)
class Place:
    root: Path
    source: Path
    registry: ModelRegistry


@pytest.fixture
def place() -> Iterator[Place]:
    """A registry whose files are larger than what the kernel holds of a connection."""
    with scratch() as area:
        (area / "root").mkdir()
        source = write_files(area / "source", {"model.pt": LARGE, "second.pt": LARGE[::-1]})
        registry = ModelRegistry.open(area / "root")
        registry.register(TASK, MODEL, "1", source)
        yield Place(area / "root", source, registry)


def test_fifty_slow_downloads_leave_the_other_calls_responsive(place: Place) -> None:
    with gunicorn(place.root) as server, ExitStack() as opened:
        found = [opened.enter_context(SlowDownload(server.url, LARGE_FILE)) for _ in range(DOWNLOADS_AT_ONCE)]
        taken = [download for download in found if download.status == 200]
        refused = [download for download in found if download.status != 200]
        # What one worker takes, had all come to the same one.
        assert len(taken) >= int((64 - RESERVED_THREADS) * DOWNLOADS)
        for download in refused:
            assert download.status == 503
            assert int(download.headers["retry-after"]) > 0
        for n in range(10):  # on connections of their own, so that both workers are asked
            assert call(server.url, "/health").status == 200
            assert call(server.url, f"/v1/show?task={TASK}&ref={MODEL}@latest").status == 200
            assert call(server.url, LARGE_FILE, method="HEAD").status == 200
            promote = {"task": TASK, "model_name": MODEL, "alias": f"a{n}", "version": "1"}
            assert post(f"{server.url}/v1/promote", promote).status == 200
        assert all(download.finish() == LARGE for download in taken)
        wait_until(lambda: call(server.url, address("second.pt")).status == 200, "no place is free again")


@pytest.mark.parametrize("kind", ["whole", "range", "ranges", "archive"])
def test_one_download_too_many_is_refused_and_a_place_comes_back(place: Place, kind: str) -> None:
    """Whoever hangs up gives its place back, and answers without a body need none."""
    path = ARCHIVE if kind == "archive" else LARGE_FILE
    last = len(LARGE) - 1
    headers = {"range": {"Range": "bytes=1-"}, "ranges": {"Range": f"bytes=0-1,100-{last - 100}"}}.get(kind, {})
    places = int((8 - RESERVED_THREADS) * DOWNLOADS)
    with gunicorn(place.root, workers=1, threads=8) as server, ExitStack() as opened:
        held = [opened.enter_context(SlowDownload(server.url, path, headers)) for _ in range(places)]
        assert {download.status for download in held} <= {200, 206}
        refused = call(server.url, path, headers)
        assert (refused.status, json.loads(refused.body)["code"]) == (503, "busy")
        assert int(refused.headers["retry-after"]) > 0
        etag = call(server.url, LARGE_FILE, method="HEAD").headers["etag"]
        assert call(server.url, LARGE_FILE, {"If-None-Match": etag}).status == 304
        # A long call of another kind finds a thread all the same.
        assert post(f"{server.url}/v1/verify", {"task": TASK, "ref": f"{MODEL}@1"}).status == 200
        for download in held:
            download.close()
        again = [opened.enter_context(SlowDownload.admitted(server.url, path, headers)) for _ in range(places)]
        assert {download.status for download in again} <= {200, 206}


def test_behind_nginx_a_download_holds_no_thread(place: Place) -> None:
    with gunicorn(place.root, workers=1, threads=8, env=ACCEL) as server, ExitStack() as opened:
        url = opened.enter_context(accelerating_nginx(server.url, place.root))
        found = [opened.enter_context(SlowDownload(url, LARGE_FILE)) for _ in range(DOWNLOADS_AT_ONCE)]
        assert {download.status for download in found} == {200}
        assert call(url, "/health").status == 200
        assert all(download.finish() == LARGE for download in found)


@pytest.mark.parametrize("through", ["gunicorn", "nginx"])
def test_a_version_that_is_deleted_while_it_is_read_finishes(place: Place, through: str) -> None:
    with gunicorn(place.root, env=ACCEL if through == "nginx" else {}) as server, ExitStack() as opened:
        nginx = opened.enter_context(accelerating_nginx(server.url, place.root)) if through == "nginx" else None
        url = nginx or server.url
        file = opened.enter_context(SlowDownload(url, LARGE_FILE))
        archive = opened.enter_context(SlowDownload(url, ARCHIVE))
        place.registry.unalias(TASK, MODEL, "latest")
        place.registry.delete(TASK, MODEL, "1", actor="ada", reason="wrong labels")
        assert call(url, address("model.pt", "1")).status == 404
        with tarfile.open(fileobj=io.BytesIO(archive.finish())) as whole:
            content = {name: whole.extractfile(name).read() for name in whole.getnames()}  # type: ignore[union-attr]
        assert (content["model.pt"], content["second.pt"]) == (LARGE, LARGE[::-1])
        assert file.finish() == LARGE


def test_a_client_that_takes_nothing_any_more_loses_its_place(place: Place, tmp_path: Path) -> None:
    """The service as it is, but for the time that it waits. Nobody hangs up here, and yet one more is let in."""
    (tmp_path / "hasty.py").write_text(
        "import app.web.peer\napp.web.peer.STALLED_S = 0.5\nfrom wsgi import application\n"
    )
    args = ["--pythonpath", str(tmp_path), "hasty:application"]
    with gunicorn(place.root, workers=1, threads=8, args=args) as server, ExitStack() as opened:
        places = int((8 - RESERVED_THREADS) * DOWNLOADS)
        for path in [*[LARGE_FILE, ARCHIVE, LARGE_FILE][:places], LARGE_FILE]:
            assert opened.enter_context(SlowDownload.admitted(server.url, path)).status == 200

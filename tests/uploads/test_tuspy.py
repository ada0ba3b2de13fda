"""The real tuspy client: it resumes after its own death and after the server's, and is told of what is wrong."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from ..app.conftest import scratch
from ..support.machine import MIB
from ..support.servers import REPOSITORY, clean_environment, gunicorn
from .wire import Wire, sha256

DATA = random.Random(3).randbytes(6 * MIB + 5)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "model.pt").write_bytes(DATA)
    return tmp_path / "model.pt"


@contextmanager
def client(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """tuspy in a process of its own, which sends a chunk for each :func:`go`; its output can be read as it comes."""
    command = [sys.executable, "-m", "tests.uploads.push", *arguments]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, cwd=REPOSITORY, env=clean_environment(), text=True, **pipes)
    with process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    """It may send one more chunk. Without a leash it could be done before anything can befall it."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def sent(process: subprocess.Popen[str]) -> int:
    """The offset after one more chunk."""
    go(process)
    return int(line(process))


def let_run(process: subprocess.Popen[str]) -> int:
    """The exit status, once it has sent all that it can."""
    assert process.stdin is not None
    process.stdin.close()
    return process.wait(100)


@pytest.mark.parametrize("with_checksum", [False, True])
def test_a_file_of_many_chunks(wire: Wire, source: Path, with_checksum: bool) -> None:
    session = wire.begin()
    TusClient(wire.url + session["url"]).uploader(
        str(source), chunk_size=MIB, metadata={"filename": "nested/model.pt"}, upload_checksum=with_checksum
    ).upload()
    [file] = wire.http.get(session["url"]).json()["files"]
    assert (file["path"], file["sha256"], file["complete"]) == ("nested/model.pt", sha256(DATA), True)


def test_a_killed_client_goes_on_where_it_stopped(wire: Wire, source: Path) -> None:
    session = wire.begin()
    url = wire.url + session["url"]
    file = None
    offsets = []
    for stop_after in (1, 3, 5):
        with client(url, str(source), *([file] if file else [])) as process:
            file = line(process)
            offsets += [sent(process) for _ in range(stop_after)]
            go(process)  # it dies in the middle of a chunk
            process.send_signal(signal.SIGKILL)
        assert wire.at_rest(file) >= max(offsets)
    with client(url, str(source), str(file)) as process:
        line(process)
        assert sent(process) > max(offsets)
        assert let_run(process) == 0
    assert offsets == sorted(set(offsets)), "bytes were sent twice"
    assert wire.http.get(session["url"]).json()["files"][0]["sha256"] == sha256(DATA)


def test_a_killed_server_is_gone_on_with(source: Path) -> None:
    with scratch() as area:
        root = area / "root"
        root.mkdir()
        file = acknowledged = None
        for _ in range(2):
            with gunicorn(root) as server:
                if file is None:
                    session = Wire(server.url, root).begin()
                known = [server.url + file] if file else []
                with client(server.url + session["url"], str(source), *known) as process:
                    file = line(process).removeprefix(server.url)
                    for _ in range(4):
                        acknowledged = sent(process)
                    go(process)  # the server dies in the middle of a chunk
                    server.kill()
                    assert let_run(process) != 0
        with gunicorn(root) as server:
            wire = Wire(server.url, root)
            assert file is not None
            assert acknowledged is not None
            assert wire.offset(file) >= acknowledged
            with client(server.url + session["url"], str(source), server.url + file) as process:
                assert let_run(process) == 0
            assert wire.register(session, "1").status_code == 201
            assert (wire.package("1") / "model.pt").read_bytes() == DATA


def test_every_way_of_changing_workers_hashes_right(serve: Callable[..., Wire], source: Path) -> None:
    """A connection of its own for each chunk: now this worker gets it, now that one."""
    wire = serve(WORKERS=3)
    session = wire.begin()
    url = wire.url + wire.made(session["url"], "model.pt", len(DATA))
    for _ in range(0, len(DATA), 300_000):
        uploader = TusClient(wire.url).uploader(str(source), chunk_size=300_000, url=url, upload_checksum=False)
        uploader.upload_chunk()
    assert wire.http.get(session["url"]).json()["files"][0]["sha256"] == sha256(DATA)


def test_it_is_told_what_is_refused(serve: Callable[..., Wire], source: Path) -> None:
    wire = serve(MAX_UPLOAD_BYTES=MIB)
    session = wire.begin()
    with pytest.raises(TusCommunicationError) as caught:
        TusClient(wire.url + session["url"]).uploader(str(source), metadata={"filename": "model.pt"}).upload()
    assert caught.value.status_code == 413
    with pytest.raises(TusCommunicationError) as caught:
        TusClient(wire.url + "/v1/uploads/" + "0" * 32).uploader(str(source), metadata={"filename": "x"}).upload()
    assert caught.value.status_code == 404

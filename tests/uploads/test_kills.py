"""SIGKILL at every step of an upload and its registration, and of a real server at random moments.

Whatever was acknowledged is there, nothing that was not sent is, and the upload can be gone on with.
"""

from __future__ import annotations

import random
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry_core import Checksum, CoreSettings, ModelRegistry, NotFound, UploadNotFound

from ..app.conftest import scratch
from ..faults import forks, injection
from ..support.machine import MIB, remove_tree
from ..support.servers import gunicorn
from .wire import Wire, sha256

DATA = random.Random(13).randbytes(40_000)
PIECES = ((0, 15_000), (15_000, 15_001), (15_001, len(DATA)))
LEAST_POINTS = 100
EVERY = 3  # in the default run
KILLS = 4
SLOW_KILLS = 100


class Bytes:
    """A reader of bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._left = memoryview(data)

    def readinto(self, buffer: memoryview, /) -> int:
        count = min(len(buffer), len(self._left), 4096)
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def opened(root: Path) -> ModelRegistry:
    return ModelRegistry.open(settings=CoreSettings(root=str(root), workers=1))


class Told:
    """What the process has been told so far, in a file that outlives it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def say(self, *words: object) -> None:
        with self._path.open("a") as file:
            print(*words, file=file)

    def read(self) -> dict[str, str]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return dict(line.split(" ", 1) for line in lines)


def upload(root: Path, told: Told) -> None:
    """All of it: a session, a file in three pieces (the middle one with a checksum), a registration."""
    registry = opened(root)
    session = registry.begin_upload("t", "m").upload_id
    told.say("session", session)
    registry.add_upload(session, "empty", 0)
    file = registry.add_upload(session, "d/model.pt", len(DATA)).file_id
    told.say("file", file)
    for begin, end in PIECES:
        piece = DATA[begin:end]
        said = Checksum("sha256", bytes.fromhex(sha256(piece))) if begin == PIECES[1][0] else None
        registry.receive(session, file, begin, Bytes(piece), checksum=said)
        told.say("offset", end)
    registry.register("t", "m", "1", upload_id=session, idempotency_key="k")
    told.say("registered", "1")


def finish(root: Path, told: dict[str, str]) -> None:
    """A client that comes back goes on with what it was told, and gets its version."""
    registry = opened(root)
    registry.recover()
    session, file = told.get("session"), told.get("file")
    try:
        whole = registry.verify("t", "m@1").files_checked == 3
    except NotFound:
        whole = False
    assert whole or "registered" not in told
    if session is None or (whole and "registered" in told):
        session = registry.begin_upload("t", "m").upload_id
    elif not whole and "file" in told:
        state = registry.uploaded(session, str(file))
        assert state.offset >= int(told.get("offset", 0)), "acknowledged bytes are gone"
        assert state.offset in {0, *range(len(DATA) + 1)}
        kept = (root / ".uploads" / session / "data" / str(file)).read_bytes() if state.offset else b""
        assert kept[: state.offset] == DATA[: state.offset]
    if not whole:
        registry.add_upload(session, "empty", 0)
        names = {file.path: file for file in registry.upload(session).files}
        found = names.get("d/model.pt") or registry.add_upload(session, "d/model.pt", len(DATA))
        if not found.complete:
            registry.receive(session, found.file_id, found.offset, Bytes(DATA[found.offset :]))
    done = registry.register("t", "m", "1", upload_id=session, idempotency_key="k") if not whole else None
    assert done is None or done.version == "1"
    assert registry.verify("t", "m@1").files_checked == 3
    assert (root / "tasks/t/models/m/versions/1/d/model.pt").read_bytes() == DATA
    assert registry.check().is_clean
    with suppress(UploadNotFound):
        registry.cancel_upload(session)
    # Whatever a dead process left is found by a sweep.
    swept = ModelRegistry.open(settings=CoreSettings(root=str(root), upload_expiry_s=1e-9))
    swept.sweep(0)
    assert [path for name in (".uploads", ".staging") for path in (root / name).glob("*")] == []


def points(area: Path) -> list[injection.Point]:
    root = area / "traced"
    root.mkdir()
    names: list[str] = forks.run(lambda: injection.trace(lambda: upload(root, Told(area / "traced.txt")))).get()
    remove_tree(root)
    return injection.distinct(injection.points(names))


def sweep(area: Path, chosen: list[injection.Point]) -> None:
    for point in chosen:
        root, told = area / "root", area / "told"
        root.mkdir()
        outcome = forks.run(injection.killed_at(point, lambda: upload(root, Told(told))))  # noqa: B023
        assert outcome.signal == signal.SIGKILL, f"not killed, but {outcome}"
        try:
            finish(root, Told(told).read())
        except BaseException as error:
            error.add_note(f"killed {point}")
            raise
        remove_tree(root)
        told.unlink(missing_ok=True)


@pytest.fixture
def area() -> Iterator[Path]:
    with scratch() as top:
        yield top


def test_killed_at_every_third_step(area: Path) -> None:
    found = points(area)
    assert len(found) >= LEAST_POINTS
    sweep(area, found[::EVERY])


@pytest.mark.slow
def test_killed_at_every_step(area: Path) -> None:
    sweep(area, points(area))


def kill_a_server(root: Path, kills: int, seed: int) -> None:
    """A server that dies again and again while a client sends; the client goes on each time."""
    draw = random.Random(seed)
    data = draw.randbytes(3 * MIB)
    session: dict[str, Any] | None = None
    file, version, killed = "", 0, 0
    while killed < kills:
        with gunicorn(root) as server:
            wire = Wire(server.url, root)
            killer = threading.Timer(draw.uniform(0.0, 0.4), server.kill)
            killer.start()
            try:
                while True:
                    with suppress(AssertionError):
                        assert session is not None
                        if (offset := wire.offset(file)) < len(data):
                            wire.patch(file, offset, data[offset : offset + draw.randrange(1, MIB)])
                            continue
                        if wire.register(session, str(version), headers={"Idempotency-Key": str(version)}).is_success:
                            version += 1
                    session = wire.begin()
                    file = wire.made(session["url"], "model.pt", len(data))
            except httpx.TransportError:
                killed += 1
            finally:
                killer.join()
    registry = opened(root)
    registry.recover()
    assert registry.check().is_clean
    for n in range(version):
        assert (root / f"tasks/t/models/m/versions/{n}/model.pt").read_bytes() == data
        assert registry.verify("t", f"m@{n}").files_checked == 2


def test_a_server_that_is_killed_at_random(area: Path) -> None:
    (area / "root").mkdir()
    kill_a_server(area / "root", KILLS, seed=1)


@pytest.mark.slow
def test_a_server_that_is_killed_a_hundred_times(area: Path) -> None:
    (area / "root").mkdir()
    kill_a_server(area / "root", SLOW_KILLS, seed=2)
    shutil.rmtree(area / "root/.uploads")

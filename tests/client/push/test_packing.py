"""Many small files go up in a few requests, and whatever breaks off is gone on with."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_client.push import packing, pushing, tus
from registry_client.remote import transport
from registry_core import ArtifactsRefused, ChecksumMismatch, NotFound, Progress, UploadLocked

from ...support.packages import MANY, write_files
from ...support.servers import wait_until
from .. import killing
from ..conftest import Service
from ..trees import files_of
from ..wire import wire

SOME = random.Random(3)
FILES = {f"d{n % 9}/{n:04}": SOME.randbytes(n) for n in range(400)}
LARGE = {"model.pt": SOME.randbytes(2 * 1024 * 1024), "n" * 120 + "/ü": b"long"}


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_DELAY_S", 0.005)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request of every client."""
    found: list[str] = []
    call = transport.Transport.call

    def counted(self: Any, method: str, path: str, **options: Any) -> Any:
        found.append(f"{method} {path}")
        return call(self, method, path, **options)

    monkeypatch.setattr(transport.Transport, "call", counted)
    return found


def kept(service: Service, model: str, version: str = "1") -> dict[str, bytes]:
    found = files_of(Path(service.registry.resolve("t", f"{model}@{version}").path))
    return {path: data for path, data in found.items() if path not in ("model_meta.json", "sha256sums.txt")}


@MANY
def test_many_files_are_a_few_requests(
    service: Service, client: RegistryClient, model: str, area: Path, cache: Cache, asked: list[str], count: int
) -> None:
    data = SOME.randbytes(4096)
    many = {f"{n % 100}/{n}": n.to_bytes(4, "big") + data[4:] for n in range(count)}
    source = write_files(area / "many", many)
    heard: list[Progress] = []
    done = client.push(source, "t", model, "1", cache=cache, progress=heard.append)
    total = count * 4096
    assert (done.files_sent, done.bytes_sent) == (count, total)
    assert len(asked) <= 6, asked
    assert sum("/pack" in call for call in asked) == 1
    assert heard[-1] == Progress(total, total, count, count)
    assert kept(service, model) == many


def test_large_files_go_by_themselves(
    service: Service, client: RegistryClient, model: str, area: Path, cache: Cache, asked: list[str]
) -> None:
    source = write_files(area / "source", {**FILES, **LARGE})
    done = client.push(source, "t", model, "1", cache=cache)
    assert (done.files_sent, done.bytes_sent) == (402, sum(map(len, [*FILES.values(), *LARGE.values()])))
    assert kept(service, model) == {**FILES, **LARGE}
    assert sum(call.startswith("PATCH") for call in asked) == 1


def test_a_few_packs_where_one_would_be_too_large(
    service: Service,
    client: RegistryClient,
    model: str,
    area: Path,
    cache: Cache,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packing, "PACK_BYTES", 30_000)
    monkeypatch.setattr(tus, "PAGE_FILES", 150)
    client.push(write_files(area / "source", FILES), "t", model, "1", cache=cache)
    assert kept(service, model) == FILES
    assert 2 < sum("/pack" in call for call in asked) < 10
    assert sum(call.endswith("/files") for call in asked) == 2
    again = client.push(write_files(area / "more", {**FILES, "z": b"z"}), "t", model, "2", cache=cache)
    assert (again.files_sent, again.bytes_sent) == (1, 1)


def test_a_line_that_breaks_again_and_again(service: Service, model: str, area: Path, cache: Cache) -> None:
    files = {f"{n:03}": SOME.randbytes(20_000) for n in range(200)}
    source = write_files(area / "source", files)
    heard: list[Progress] = []
    with wire(service.url) as line, RegistryClient(line.url) as client:
        cuts = line.cut_again(900_000, 900_000, 5)
        done = client.push(source, "t", model, "1", cache=cache, progress=heard.append)
    assert len(cuts) >= 3
    assert kept(service, model) == files
    assert (done.files_sent, done.bytes_sent) == (200, 4_000_000)
    assert heard[-1] == Progress(4_000_000, 4_000_000, 200, 200)


def test_a_killed_push_goes_on(service: Service, model: str, area: Path) -> None:
    files = {f"{n:03}": SOME.randbytes(200_000) for n in range(300)}  # much more than lies in buffers on the way
    source, cache = write_files(area / "source", files), area / "cache"
    with wire(service.url) as line:
        process = killing.push(line.url, model, "1", source, cache)
        line.at_byte(30_000_000, lambda: os.kill(process.pid or 0, signal.SIGKILL))
        assert killing.ended(process) == -signal.SIGKILL
        wait_until(lambda: not _is_packing(service), "the service still listens to the one that is dead")
        with RegistryClient(line.url) as client:
            done = client.push(source, "t", model, "1", cache=Cache(cache))
    assert 0 < done.files_sent < 200, "what had come was not sent again"
    assert kept(service, model) == files


def _is_packing(service: Service) -> bool:
    uploads = service.registry._storage.uploads
    for upload in (service.root / ".uploads").iterdir():
        try:
            with uploads.alone(upload.name):
                continue
        except UploadLocked:
            return True
    return False


@pytest.mark.parametrize("code", ["method_not_allowed", "no_such_path"])
def test_a_registry_that_takes_no_packs_gets_each_file_by_itself(
    service: Service,
    client: RegistryClient,
    model: str,
    area: Path,
    cache: Cache,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = transport.Transport.call

    def older(self: Any, method: str, path: str, **options: Any) -> Any:
        if path.endswith(("/pack", "/files")):
            error = NotFound("There is no such path.")
            vars(error)["code"] = code
            raise error
        return call(self, method, path, **options)

    monkeypatch.setattr(transport.Transport, "call", older)
    monkeypatch.setattr(tus, "PAGE_FILES", 5)
    files = dict(list(FILES.items())[:20])
    done = client.push(write_files(area / "source", files), "t", model, "1", cache=cache)
    assert done.files_sent == 20
    assert kept(service, model) == files


def test_a_file_that_changes_meanwhile_is_not_taken_in(
    service: Service, client: RegistryClient, model: str, area: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_files(area / "source", FILES)
    hashed = pushing.digests

    def digests(*words: Any) -> dict[str, str]:
        found, target = hashed(*words), source / "d3/0300"
        status = target.stat()
        target.write_bytes(b"\1" * 300)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if it had kept still
        return found

    monkeypatch.setattr(pushing, "digests", digests)
    with pytest.raises(ArtifactsRefused, match="changed while"):
        client.push(source, "t", model, "1", cache=cache)
    assert not service.root.joinpath("tasks/t/models", model, "versions").exists()


def test_bytes_that_are_garbled_on_the_way_are_not_taken_in(
    service: Service, model: str, area: Path, cache: Cache
) -> None:
    source = write_files(area / "source", FILES)
    mark = FILES["d3/0300"][100:150]
    with wire(service.url) as line, RegistryClient(line.url, retries=1) as client:
        line.change_up = lambda piece: piece.replace(mark, bytes(50))
        with pytest.raises(ChecksumMismatch):
            client.push(source, "t", model, "1", cache=cache)
        line.change_up = lambda piece: piece
        client.push(source, "t", model, "1", cache=cache)
    assert kept(service, model) == FILES


def test_an_upload_that_is_gone_is_begun_anew(
    service: Service, client: RegistryClient, model: str, area: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    post: Callable[..., None] = packing._post

    def cancelled(through: Any, upload_id: str, *rest: Any) -> None:
        monkeypatch.setattr(packing, "_post", post)
        through.call("DELETE", f"/v1/uploads/{upload_id}")
        post(through, upload_id, *rest)

    monkeypatch.setattr(packing, "_post", cancelled)
    client.push(write_files(area / "source", FILES), "t", model, "1", cache=cache)
    assert kept(service, model) == FILES

"""Many small files come down in one answer, proven one by one; what is wrong with it does no harm."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_client.pull import archive
from registry_client.remote import transport
from registry_core import PackageCorrupt, Progress, StorageUnavailable
from registry_core.storage import syncing

from ...support.packages import MANY, write_files
from ...support.servers import wait_until
from .. import killing
from ..conftest import Service
from ..trees import files_of
from ..wire import wire

SOME = random.Random(8)
FILES = {f"d{n % 9}/{n:04}": SOME.randbytes(2000 + n) for n in range(300)}
LARGE = {"e/model.pt": SOME.randbytes(40 * 1024 * 1024), "n" * 120 + "/ü": b"long", "z": b"last"}


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_DELAY_S", 0.005)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request of every client."""
    found: list[str] = []
    send = transport._send

    def counted(client: Any, request: httpx.Request) -> httpx.Response:
        found.append(f"{request.url.path} {request.headers.get('Range', '')}".strip())
        return send(client, request)

    monkeypatch.setattr(transport, "_send", counted)
    return found


def registered(service: Service, model: str, area: Path, files: dict[str, bytes]) -> Path:
    done = service.registry.register("t", model, "1", write_files(area / f"of {model}", files))
    return Path(done.package_path)


@MANY
def test_many_files_are_a_few_requests(
    service: Service, client: RegistryClient, model: str, area: Path, cache: Cache, asked: list[str], count: int
) -> None:
    data = SOME.randbytes(4096)
    many = {f"{n % 100}/{n}": n.to_bytes(4, "big") + data[4:] for n in range(count)}
    stored = registered(service, model, area, many)
    heard: list[Progress] = []
    done = client.pull("t", f"{model}@1", area / "dest", cache=cache, progress=heard.append)
    assert files_of(area / "dest") == files_of(stored)
    assert len(asked) <= 6, asked[:20]
    assert heard[-1].bytes_done == heard[-1].bytes_total == done.bytes_total == done.bytes_fetched + manifest(stored)
    again = client.pull("t", f"{model}@1", area / "again", cache=cache, offline=True)
    assert (again.bytes_fetched, files_of(area / "again") == files_of(stored)) == (0, True)


def manifest(package: Path) -> int:
    """Its bytes, which are read before all others and are not counted."""
    return (package / "sha256sums.txt").stat().st_size


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What this thread and its helpers open, sync and rename meanwhile, in order."""
    calls: list[str] = []
    mine = os.open, os.fsync, os.rename, syncing.syncfs

    def told(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            is_made = name == "open" and args[1] & os.O_CREAT
            calls.append("create" if is_made else name)
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for place, name, real in zip((os, os, os, syncing), ("open", "fsync", "rename", "syncfs"), mine, strict=True):
            patch.setattr(place, name, told(name, real))
        yield calls


@pytest.mark.parametrize("kept", [True, False])
def test_many_small_files_are_synced_at_once_and_written_once(
    service: Service, model: str, area: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """Nothing has its name before all of it is on the disk."""
    registered(service, model, area, FILES)
    with RegistryClient(service.url) as client, counted(monkeypatch) as calls:
        client.pull("t", f"{model}@1", area / "dest", cache=cache if kept else None, use_cache=kept)
    few = 12  # the manifest, notes, directories beside the destination
    assert calls.count("syncfs") == 1
    assert calls.count("fsync") <= syncing.FEW_FILES + few
    assert "rename" in calls[calls.index("syncfs") :]
    if not kept:
        assert calls.count("create") <= len(FILES) + few
        assert calls.count("rename") <= few


def test_where_nothing_syncs_at_once_each_file_is(
    service: Service, model: str, area: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(service, model, area, FILES)
    monkeypatch.setattr(syncing, "can_sync_at_once", lambda _: False)
    with RegistryClient(service.url) as client, counted(monkeypatch) as calls:
        client.pull("t", f"{model}@1", area / "dest", use_cache=False)
    assert "syncfs" not in calls
    assert calls.count("fsync") >= len(FILES) + len({path.partition("/")[0] for path in FILES})


@pytest.mark.parametrize("kept", [True, False])
def test_large_files_are_fetched_by_themselves_and_passed_over(
    service: Service, client: RegistryClient, model: str, area: Path, cache: Cache, asked: list[str], kept: bool
) -> None:
    stored = registered(service, model, area, {**FILES, **LARGE})
    with wire(service.url) as line, RegistryClient(line.url) as client:
        line.at_byte(10**12, line.cut)
        client.pull("t", f"{model}@1", area / "dest", cache=cache if kept else None, use_cache=kept)
        total = sum(map(len, [*FILES.values(), *LARGE.values()]))
        assert line.passed < total * 1.6, "what is large did not come twice"
    assert files_of(area / "dest") == files_of(stored)
    archives = [call for call in asked if call.startswith("/v1/archive/")]
    assert len(archives) == 2
    assert archives[1].partition("bytes=")[2].rstrip("-").isdecimal()
    assert sum(call.startswith("/v1/files/") for call in asked) <= 6


def test_only_what_is_missing_comes(
    service: Service, client: RegistryClient, model: str, area: Path, cache: Cache, asked: list[str]
) -> None:
    registered(service, model, area, FILES)
    client.pull("t", f"{model}@1", area / "one", cache=cache)
    service.registry.register("t", model, "2", write_files(area / "two of it", {**FILES, "new": b"new"}))
    asked.clear()
    done = client.pull("t", f"{model}@2", area / "two", cache=cache)
    assert done.bytes_fetched < 2000
    assert not [call for call in asked if call.startswith("/v1/archive/")]
    assert (area / "two/new").read_bytes() == b"new"


def test_a_line_that_breaks_again_and_again(
    service: Service, model: str, area: Path, cache: Cache, asked: list[str]
) -> None:
    stored = registered(service, model, area, FILES)
    with wire(service.url) as line, RegistryClient(line.url) as client:
        cuts = line.cut_again(200_000, 100_000, 5)
        done = client.pull("t", f"{model}@1", area / "dest", cache=cache)
    assert len(cuts) == 5
    assert files_of(area / "dest") == files_of(stored)
    assert done.bytes_fetched + manifest(stored) == done.bytes_total
    assert sum(call.startswith("/v1/files/") for call in asked) <= 6


def test_a_killed_pull_goes_on(service: Service, model: str, area: Path, asked: list[str]) -> None:
    stored = registered(service, model, area, FILES)
    with wire(service.url) as line:
        process = killing.pull(line.url, model, area / "dest", area / "cache")

        def strike() -> None:
            wait_until(lambda: len(list((area / "cache/blobs").glob("*/*"))) > 50, "nothing is kept as it comes")
            os.kill(process.pid or 0, signal.SIGKILL)

        line.at_byte(500_000, strike)
        assert killing.ended(process) == -signal.SIGKILL
        assert not (area / "dest").exists()
        with RegistryClient(line.url) as client:
            done = client.pull("t", f"{model}@1", area / "dest", cache=Cache(area / "cache"))
    assert files_of(area / "dest") == files_of(stored)
    assert done.bytes_fetched < done.bytes_total - 50_000, "what had come did not come again"


@contextmanager
def _changed(service: Service, path: str, data: bytes) -> Iterator[None]:
    target = service.root / path
    kept = target.read_bytes()
    target.chmod(0o644)
    target.write_bytes(data)
    yield
    target.write_bytes(kept)


def test_a_file_that_is_not_what_the_manifest_says_is_not_laid(
    service: Service, client: RegistryClient, model: str, area: Path, cache: Cache
) -> None:
    stored = registered(service, model, area, FILES)
    victim = stored / "d3/0003"
    with _changed(service, str(victim.relative_to(service.root)), bytes(len(FILES["d3/0003"]))):
        with pytest.raises(PackageCorrupt, match="d3/0003"):
            client.pull("t", f"{model}@1", area / "dest", cache=cache)
        assert not (area / "dest").exists()
    client.pull("t", f"{model}@1", area / "dest", cache=cache)
    assert files_of(area / "dest") == files_of(stored)


@pytest.mark.parametrize("what", ["name", "content"])
def test_a_hostile_archive_does_no_harm(
    service: Service, model: str, area: Path, cache: Cache, asked: list[str], what: str
) -> None:
    """What is wrong in it is fetched by itself, and nothing has another name than the manifest gives it."""
    names, contents = [path.encode() + b"\0" for path in FILES], [data[:50] for data in FILES.values()]
    stored = registered(service, model, area, FILES)
    once = threading.Event()

    def change(piece: bytes) -> bytes:
        """One file's name or content is another; of which one depends on where the line cuts pieces."""
        whole = (place for place in (names if what == "name" else contents) if place in piece)
        place = next(whole, None) if b"ustar" in piece and not once.is_set() else None
        if place is None:
            return piece
        once.set()
        return piece.replace(place, b"../../x".ljust(len(place), b"\0") if what == "name" else bytes(len(place)), 1)

    with wire(service.url) as line, RegistryClient(line.url) as client:
        line.change = change
        client.pull("t", f"{model}@1", area / "dest", cache=cache)
    assert once.is_set()
    assert files_of(area / "dest") == files_of(stored)
    assert "/v1/files/" in " ".join(asked[3:])
    assert not list(area.glob("**/x"))


@pytest.mark.parametrize("status", [404, 405, 500, 503])
def test_a_registry_without_an_archive_gives_each_file_by_itself(
    service: Service, client: RegistryClient, model: str, area: Path, cache: Cache, monkeypatch: Any, status: int
) -> None:
    files = dict(list(FILES.items())[: archive.FEWEST])
    stored = registered(service, model, area, files)
    send = transport._send

    def older(through: Any, request: httpx.Request) -> httpx.Response:
        if "/archive/" in request.url.path:
            return httpx.Response(status, request=request, stream=httpx.ByteStream(b"no"))
        return send(through, request)

    monkeypatch.setattr(transport, "_send", older)
    monkeypatch.setattr(client.transport, "retries", 1)
    client.pull("t", f"{model}@1", area / "dest", cache=cache)
    assert files_of(area / "dest") == files_of(stored)


def test_a_server_that_is_gone_is_told(service: Service, model: str, area: Path, cache: Cache) -> None:
    registered(service, model, area, FILES)
    with wire(service.url) as line, RegistryClient(line.url, retries=1) as client:
        line.at_byte(200_000, line.close)
        with pytest.raises(StorageUnavailable):
            client.pull("t", f"{model}@1", area / "dest", cache=cache)
    assert not (area / "dest").exists()


def test_the_cache_may_be_deleted_meanwhile(area: Path) -> None:
    cache = Cache(area / "cache")
    data = b"1" * 100
    sha256 = hashlib.sha256(data).hexdigest()
    for _ in range(2):
        cache.add(sha256, data)
        assert cache.get(sha256, 1000) == data
        shutil.rmtree(area / "cache")

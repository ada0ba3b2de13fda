"""Pull: every byte proven before the directory has its name, whatever the line, the cache and the disk do."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_client.remote import transport
from registry_core import (
    InvalidParameter,
    ModelNotFound,
    PackageCorrupt,
    Progress,
    StorageFull,
    StorageUnavailable,
    VersionNotFound,
)

from ...support.machine import MIB
from ...support.packages import write_files
from ..conftest import Service
from ..scripted import answer, problem, scripted, truncated
from ..trees import assert_nothing_wrong, beside, files_of, package
from ..wire import wire


@pytest.fixture
def files() -> dict[str, bytes]:
    return package()


@pytest.fixture
def published(service: Service, model: str, files: dict[str, bytes], area: Path) -> Path:
    """Version 1 of the test's model, which ``latest`` names; gives the directory that it was made of."""
    source = write_files(area / "source", files)
    service.registry.register("t", model, "1", source, {"owner": "ada"})
    return source


def is_package(service: Service, model: str, version: str, dest: Path) -> bool:
    """Whether the directory has exactly the files of the version."""
    return files_of(dest) == files_of(Path(service.registry.resolve("t", f"{model}@{version}", verify=False).path))


def test_the_package_is_there_whole_and_proven_by_its_own_manifest(
    service: Service, client: RegistryClient, model: str, published: Path, cache: Cache, area: Path
) -> None:
    heard: list[Progress] = []
    dest = area / "some" / "where" / "model"
    done = client.pull("t", f"{model}@latest", dest, cache=cache, progress=heard.append)
    assert is_package(service, model, "1", dest)
    digest = service.registry.resolve("t", f"{model}@1").package_digest
    assert (done.version, done.alias, done.package_digest, done.path) == ("1", "latest", digest, str(dest))
    total = sum(len(data) for data in files_of(dest).values())
    assert (done.files, done.bytes_total, done.warnings) == (8, total, [])
    assert not done.already_there
    assert not done.offline
    assert heard[-1] == Progress(total, total, 8, 8)
    assert all(now.bytes_done <= total for now in heard)
    assert not [path for path in dest.rglob("*") if path.is_file() and path.stat().st_mode & 0o222]
    assert beside(dest) == []
    assert_nothing_wrong(cache)
    # A file that is there twice is fetched once, and the manifest and the metadata are small.
    assert done.bytes_fetched <= total - len(package()["model.pt"])


def test_a_directory_that_is_the_package_is_left_alone_and_any_other_is_refused(
    client: RegistryClient, model: str, published: Path, cache: Cache, area: Path
) -> None:
    dest = area / "dest"
    dest.mkdir()
    client.pull("t", f"{model}@1", dest, cache=cache)  # an empty directory is filled
    inode = dest.stat().st_ino
    again = client.pull("t", f"{model}@latest", dest, cache=cache)
    assert again.already_there
    assert again.bytes_fetched == 0
    assert dest.stat().st_ino == inode
    changes: list[Callable[[Path], object]] = [
        lambda top: (top / "extra").write_bytes(b""),
        lambda top: (top / "empty").unlink(),
        lambda top: ((top / "label map.json").unlink(), (top / "label map.json").write_bytes(b'{"0": "b cell"}')),
        lambda top: ((top / "empty").unlink(), (top / "empty").symlink_to("model.pt")),
    ]
    for number, change in enumerate(changes):
        other = area / f"other-{number}"
        shutil.copytree(dest, other, symlinks=True)
        change(other)
        before = files_of(other)
        with pytest.raises(InvalidParameter) as refused:
            client.pull("t", f"{model}@1", other, cache=cache)
        assert refused.value.detail["field"] == "dest"
        assert files_of(other) == before
    (area / "file").write_bytes(b"x")
    (area / "link").symlink_to(area / "other-0")
    for occupied in (area / "file", area / "link"):
        with pytest.raises(InvalidParameter):
            client.pull("t", f"{model}@1", occupied, cache=cache)


def test_what_is_not_there_is_not_found_and_leaves_nothing(
    client: RegistryClient, model: str, published: Path, cache: Cache, area: Path
) -> None:
    (area / "out").mkdir()
    with pytest.raises(ModelNotFound):
        client.pull("t", "nobody@latest", area / "out" / "dest", cache=cache)
    with pytest.raises(VersionNotFound):
        client.pull("t", f"{model}@9", area / "out" / "dest", cache=cache)
    assert list((area / "out").iterdir()) == []


def test_another_version_fetches_only_what_is_new(
    service: Service,
    client: RegistryClient,
    model: str,
    published: Path,
    files: dict[str, bytes],
    cache: Cache,
    area: Path,
) -> None:
    client.pull("t", f"{model}@1", area / "one", cache=cache)
    new = {**files, "label map.json": b'{"0": "T cell"}'}
    service.registry.register("t", model, "2", write_files(area / "second", new))
    done = client.pull("t", f"{model}@2", area / "two", cache=cache)
    assert is_package(service, model, "2", area / "two")
    assert done.bytes_fetched < 1000


def test_an_alias_that_moves_meanwhile_mixes_nothing(
    service: Service, model: str, published: Path, cache: Cache, area: Path
) -> None:
    other = package(seed=1)
    service.registry.register("t", model, "2", write_files(area / "second", other), set_alias=None)
    with wire(service.url) as line, RegistryClient(line.url) as client:
        moved = threading.Event()

        def move() -> None:
            service.registry.promote("t", model, "latest", "2")
            moved.set()

        line.at_byte(100_000, move)
        done = client.pull("t", f"{model}@latest", area / "dest", cache=cache)
    assert moved.is_set()
    assert done.version == "1"
    assert is_package(service, model, "1", area / "dest")


def test_a_version_that_is_deleted_meanwhile_leaves_nothing(
    service: Service, model: str, published: Path, cache: Cache, area: Path
) -> None:
    service.registry.unalias("t", model, "latest")
    with wire(service.url) as line, RegistryClient(line.url) as client:
        line.at_byte(6_000, lambda: service.registry.delete("t", model, "1", reason="wrong") and None)
        (area / "out").mkdir()
        with pytest.raises(VersionNotFound):
            client.pull("t", f"{model}@1", area / "out" / "dest", cache=cache, workers=1)
    assert list((area / "out").iterdir()) == []


@pytest.mark.parametrize("path", ["model.pt", "sha256sums.txt", "label map.json"])
def test_a_byte_that_is_changed_on_the_way_is_found(
    service: Service, model: str, published: Path, files: dict[str, bytes], cache: Cache, area: Path, path: str
) -> None:
    kept = files_of(Path(service.registry.resolve("t", f"{model}@1").path))[path]
    mark = kept[:12] if path == "sha256sums.txt" else kept[-12:]
    wrong = bytes([mark[0] ^ 1]) + mark[1:]

    def tamper(data: bytes) -> bytes:
        # Not in the JSON answers: those speak of digests, and are another matter.
        is_answer = b"application/json" in data or b'"sha256"' in data
        return data if is_answer else data.replace(mark, wrong)

    (area / "out").mkdir()
    with wire(service.url) as line, RegistryClient(line.url) as client:
        line.change = tamper
        with pytest.raises(PackageCorrupt) as found:
            client.pull("t", f"{model}@latest", area / "out" / "dest", cache=cache)
        (problem,) = found.value.detail["problems"]
        assert problem["path"] in (path, "copy of model.pt")
        assert problem["expected"] != problem["actual"]
        assert list((area / "out").iterdir()) == []
        assert_nothing_wrong(cache)
        line.change = lambda data: data
        client.pull("t", f"{model}@latest", area / "out" / "dest", cache=cache)
    assert is_package(service, model, "1", area / "out" / "dest")


def test_one_bad_moment_is_got_over(service: Service, model: str, published: Path, cache: Cache, area: Path) -> None:
    mark = package()["shards/00/part 1.bin"][-16:]
    times = []

    def tamper(data: bytes) -> bytes:
        if mark in data and not times:
            times.append(1)
            return data.replace(mark, bytes(16))
        return data

    with wire(service.url) as line, RegistryClient(line.url) as client:
        line.change = tamper
        client.pull("t", f"{model}@latest", area / "dest", cache=cache)
    assert times
    assert is_package(service, model, "1", area / "dest")


def test_a_line_that_breaks_again_and_again_is_resumed(
    service: Service, model: str, files: dict[str, bytes], cache: Cache, area: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "FIRST_DELAY_S", 0.005)
    large = package(seed=5, size_bytes=2 * MIB)
    service.registry.register("t", model, "1", write_files(area / "source", large))
    with wire(service.url) as line, RegistryClient(line.url) as client:
        cuts = line.cut_again(100_000, 120_000, 12)
        done = client.pull("t", f"{model}@1", area / "dest", cache=cache, workers=2)
    assert len(cuts) == 12
    assert is_package(service, model, "1", area / "dest")
    distinct = sum(len(data) for data in set(large.values()))
    assert done.bytes_fetched < distinct + 2 * MIB, "what had arrived was not fetched anew each time"


def test_a_beginning_is_taken_up_where_it_broke_off(area: Path, cache: Cache) -> None:
    """Against a server that says what it was asked: Range and If-Range, and every way to answer them."""
    data, hexed = b"0123456789" * 100, hashlib.sha256(b"0123456789" * 100).hexdigest()
    manifest = f"{hexed}  model.pt\n".encode()
    named = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    resolved = {"path": "/p", "task": "t", "model_name": "m", "version": "1", "alias": None}
    first = [
        answer(200, {**resolved, "package_digest": named, "verified": False}),
        answer(200, {"version": "1", "files": [{"name": "model.pt", "sha256": f"sha256:{hexed}", "size_bytes": 1000}]}),
        answer(200, manifest),
        truncated(200, data, 400, {"ETag": f'"{hexed}"'}),
    ]
    partial = {"ETag": f'"{hexed}"', "Content-Range": "bytes 400-999/1000"}
    seconds = {
        "the rest": [answer(206, data[400:], partial)],
        "all of it": [answer(200, data)],
        "another part": [answer(206, data[500:], {"Content-Range": "bytes 500-999/1000"}), answer(200, data)],
        "nothing": [answer(416, b"", {"Content-Range": "bytes */1000"}), answer(200, data)],
        "a wrong rest": [answer(206, bytes(600), partial), answer(200, data)],
        "too much": [answer(206, data[400:] + b"more", partial), answer(200, data)],
    }
    for name, second in seconds.items():
        with scripted(*first, *second) as server, RegistryClient(server.url) as client:
            client.pull("t", "m@1", area / name, cache=Cache(area / f"cache {name}"), workers=1)
            resumed = [asked for asked in server.asked if "range" in asked.headers]
        assert (area / name / "model.pt").read_bytes() == data, name
        assert (resumed[0].headers["range"], resumed[0].headers["if-range"]) == ("bytes=400-", f'"{hexed}"')


SECRET: list[dict[str, Any]] = [
    {"headers": {"Authorization": "Bearer secret", "X-Own": "x"}},
    {"headers": {"X-Own": "x"}, "token": "secret"},
]


@pytest.mark.parametrize("said", SECRET)
def test_a_redirect_to_an_object_store_takes_nothing_of_ours_along(
    area: Path, cache: Cache, said: dict[str, Any]
) -> None:
    data = b"weights"
    manifest = f"{hashlib.sha256(data).hexdigest()}  model.pt\n".encode()
    named = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    resolved = {"path": "/p", "task": "t", "model_name": "m", "version": "1", "alias": None}
    with (
        scripted(answer(200, data)) as store,
        scripted(
            answer(200, {**resolved, "package_digest": named, "verified": False}),
            answer(200, {"version": "1", "files": [{"name": "model.pt", "sha256": None, "size_bytes": 7}]}),
            answer(302, b"", {"Location": f"{store.url}/bucket/manifest?signature=1"}),
            answer(302, b"", {"Location": f"{store.url}/bucket/model?signature=2"}),
        ) as server,
        RegistryClient(server.url, **said) as client,
    ):
        store.plays(answer(200, manifest), answer(200, data))
        client.pull("t", "m@1", area / "dest", cache=cache, workers=1)
        assert [asked.target for asked in store.asked] == ["/bucket/manifest?signature=1", "/bucket/model?signature=2"]
        assert all(not {"authorization", "x-own", "cookie"} & asked.headers.keys() for asked in store.asked)
        assert all(asked.headers["authorization"] == "Bearer secret" for asked in server.asked)


@pytest.mark.parametrize("path", ["../escaped", "/etc/escaped", "a//b", "./a/./b", "a/../b", "model.pt/inner"])
def test_a_path_that_leads_elsewhere_is_refused(area: Path, cache: Cache, path: str) -> None:
    manifest = "".join(f"{'0' * 64}  {name}\n" for name in ("model.pt", path)).encode()
    named = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    resolved = {"path": "/p", "task": "t", "model_name": "m", "version": "1", "alias": None}
    with (
        scripted(
            answer(200, {**resolved, "package_digest": named, "verified": False}),
            answer(200, {"version": "1", "files": []}),
            answer(200, manifest),
        ) as server,
        RegistryClient(server.url) as client,
        pytest.raises(PackageCorrupt),
    ):
        client.pull("t", "m@1", area / "out" / "dest", cache=cache)
    assert not (area / "out").exists()


def test_a_busy_server_is_asked_again(area: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_DELAY_S", 0.002)
    manifest = f"{hashlib.sha256(b'x').hexdigest()}  f\n".encode()
    named = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    resolved = {"path": "/p", "task": "t", "model_name": "m", "version": "1", "alias": None}
    with (
        scripted(
            answer(200, {**resolved, "package_digest": named, "verified": False}),
            answer(200, {"version": "1", "files": [{"name": "f", "sha256": None, "size_bytes": 1}]}),
            *(problem(503, "busy"), answer(200, manifest), problem(503, "busy"), answer(200, b"x")),
        ) as server,
        RegistryClient(server.url) as client,
    ):
        client.pull("t", "m@1", area / "dest", cache=cache, workers=1)
    assert (area / "dest" / "f").read_bytes() == b"x"


def test_a_full_disk_at_the_destination_leaves_nothing(
    service: Service, client: RegistryClient, model: str, cache: Cache, area: Path, small_disk: Callable[[int], Path]
) -> None:
    service.registry.register("t", model, "1", write_files(area / "source", package(size_bytes=2 * MIB)))
    disk = small_disk(3 * MIB)
    with pytest.raises(StorageFull) as full:
        client.pull("t", f"{model}@1", disk / "dest", cache=cache)
    assert "no space left" in full.value.message
    assert list(disk.iterdir()) == []
    assert client.pull("t", f"{model}@1", area / "dest", cache=cache).bytes_fetched < 5 * MIB
    assert is_package(service, model, "1", area / "dest")


def test_a_full_disk_at_the_cache_leaves_nothing_wrong(
    service: Service, client: RegistryClient, model: str, area: Path, small_disk: Callable[[int], Path]
) -> None:
    service.registry.register("t", model, "1", write_files(area / "source", package(size_bytes=2 * MIB)))
    cache = Cache(small_disk(1 * MIB) / "cache")
    (area / "out").mkdir()
    with pytest.raises(StorageFull):
        client.pull("t", f"{model}@1", area / "out" / "dest", cache=cache)
    assert list((area / "out").iterdir()) == []
    assert_nothing_wrong(cache)


def test_several_at_once_into_one_place_and_into_many(
    service: Service, model: str, published: Path, cache: Cache, area: Path
) -> None:
    together = threading.Barrier(6, timeout=100)

    def run(number: int) -> bool:
        with RegistryClient(service.url) as client:
            together.wait()
            dest = area / ("shared" if number % 2 else f"own-{number}")
            return client.pull("t", f"{model}@latest", dest, cache=cache).already_there

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(run, range(6)))
    assert [found[n] for n in (0, 2, 4)] == [False] * 3
    assert sorted(found[n] for n in (1, 3, 5)) == [False, True, True]
    for name in ("shared", "own-0", "own-2", "own-4"):
        assert is_package(service, model, "1", area / name)
    assert not [path for path in area.iterdir() if path.name.startswith(".")]


def test_offline_the_cache_says_what_the_ref_meant(
    service: Service, model: str, published: Path, cache: Cache, area: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "FIRST_DELAY_S", 0.002)
    with wire(service.url) as line, RegistryClient(line.url) as client:
        client.pull("t", f"{model}@latest", area / "one", cache=cache)
        asked = client.pull("t", f"{model}@latest", area / "asked", cache=cache, offline=True)
        assert asked.offline
        assert asked.bytes_fetched == 0
        line.close()
        for number, selector in enumerate(("latest", "1")):
            done = client.pull("t", f"{model}@{selector}", area / f"off-{number}", cache=cache)
            assert done.offline
            assert done.version == "1"
            assert "was not asked" in done.warnings[0]
            assert is_package(service, model, "1", area / f"off-{number}")
        with pytest.raises(StorageUnavailable):
            client.pull("t", f"{model}@production", area / "never", cache=cache)
        cache.prune(max_bytes=0)
        with pytest.raises(StorageUnavailable):
            client.pull("t", f"{model}@latest", area / "never", cache=cache)
    assert not (area / "never").exists()


def test_offline_a_damaged_file_is_not_given_out(
    service: Service,
    client: RegistryClient,
    model: str,
    published: Path,
    files: dict[str, bytes],
    cache: Cache,
    area: Path,
) -> None:
    client.pull("t", f"{model}@latest", area / "one", cache=cache)
    damage(cache, hashlib.sha256(files["model.pt"]).hexdigest())
    with pytest.raises(StorageUnavailable):
        client.pull("t", f"{model}@latest", area / "never", cache=cache, offline=True)
    assert not (area / "never").exists()


def damage(cache: Cache, sha256: str) -> None:
    """The blob has other bytes of the same length, as a bad disk or a careless program leaves it."""
    blob = cache.blob_path(sha256)
    data = blob.read_bytes()
    blob.unlink()
    blob.write_bytes(bytes(8) + data[8:])


@pytest.mark.parametrize("length", ["same", "shorter", "empty"])
def test_a_damaged_file_of_the_cache_is_fetched_again(
    service: Service,
    client: RegistryClient,
    model: str,
    published: Path,
    files: dict[str, bytes],
    cache: Cache,
    area: Path,
    length: str,
) -> None:
    client.pull("t", f"{model}@latest", area / "one", cache=cache)
    hexed = hashlib.sha256(files["model.pt"]).hexdigest()
    damage(cache, hexed)
    if length != "same":
        os.truncate(cache.blob_path(hexed), 100 if length == "shorter" else 0)
    done = client.pull("t", f"{model}@latest", area / "two", cache=cache)
    assert is_package(service, model, "1", area / "two")
    assert done.bytes_fetched == len(files["model.pt"])
    assert_nothing_wrong(cache)


def test_a_wrong_beginning_in_the_cache_does_no_harm(
    service: Service,
    client: RegistryClient,
    model: str,
    published: Path,
    files: dict[str, bytes],
    cache: Cache,
    area: Path,
) -> None:
    partial = cache.directory / "partial"
    partial.mkdir(parents=True)
    for name, data in files.items():
        (partial / hashlib.sha256(data).hexdigest()).write_bytes(
            bytes(len(data) + (5 if "part" in name else -5)) if data else b"x"
        )
    client.pull("t", f"{model}@latest", area / "dest", cache=cache)
    assert is_package(service, model, "1", area / "dest")
    assert list(partial.iterdir()) == []


@pytest.mark.parametrize("name", [".DS_Store", "extra.py"])
def test_what_was_never_registered_is_not_pulled(
    service: Service, client: RegistryClient, model: str, published: Path, cache: Cache, area: Path, name: str
) -> None:
    client.pull("t", f"{model}@latest", area / "before", cache=cache)
    package = Path(service.registry.resolve("t", f"{model}@1", verify=False).path)
    package.chmod(0o755)
    (package / name).write_bytes(b"left here")
    package.chmod(0o555)
    done = client.pull("t", f"{model}@latest", area / "dest", cache=cache)
    assert files_of(area / "dest") == files_of(area / "before")
    assert [name in text for text in done.warnings] == [True]


def test_versions_of_older_software(service: Service, client: RegistryClient, cache: Cache, area: Path) -> None:
    """Not adopted: what nothing covers is refused, rewritten metadata comes with a warning. Adopted: all is proven."""
    files = {"model.pt": b"weights", "model_meta.json": b'{"a": 1}'}
    covered = {"model.pt": b"weights", "model_meta.json": b"{}"}  # rewritten since
    lines = [f"{hashlib.sha256(data).hexdigest()}  {path}" for path, data in covered.items()]
    kept = {**files, "sha256sums.txt": "\n".join(lines).encode() + b"\n"}
    top = write_files(service.root / "tasks/t/models/old model/versions/first one", kept)
    done = client.pull("t", "old model@first one", area / "before", cache=cache)
    assert files_of(area / "before") == kept
    assert len(done.warnings) == 1
    assert "model_meta.json" in done.warnings[0]
    assert client.pull("t", "old model@first one", area / "before", cache=cache).already_there
    kept["notes.txt"] = b"not covered"
    write_files(top, {"notes.txt": kept["notes.txt"]})
    with pytest.raises(PackageCorrupt) as refused:
        client.pull("t", "old model@first one", area / "uncovered", cache=cache)
    assert "notes.txt" in refused.value.message
    assert "omr adopt" in refused.value.message
    assert [(found["path"], found["kind"]) for found in refused.value.detail["problems"]] == [("notes.txt", "extra")]
    assert not (area / "uncovered").exists()
    service.registry.adopt(actor="ada")
    done = client.pull("t", "old model@first one", area / "after", cache=cache)
    assert files_of(area / "after") == kept
    assert done.warnings == []
    damaged = service.root / "tasks/t/models/old model/versions/first one/notes.txt"
    damaged.chmod(0o644)
    damaged.write_bytes(b"not COVERED")
    cache.prune()
    with pytest.raises(PackageCorrupt):
        client.pull("t", "old model@first one", area / "damaged", cache=cache)
    assert not (area / "damaged").exists()


def test_a_damaged_version_is_not_pulled(
    service: Service, client: RegistryClient, model: str, published: Path, cache: Cache, area: Path
) -> None:
    target = Path(service.registry.resolve("t", f"{model}@1").path) / "shards/00/part 1.bin"
    target.chmod(0o644)
    target.write_bytes(b"\0" + target.read_bytes()[1:])
    with pytest.raises(PackageCorrupt) as found:
        client.pull("t", f"{model}@1", area / "dest", cache=cache)
    assert {problem["kind"] for problem in found.value.detail["problems"]} == {"changed"}
    assert not (area / "dest").exists()

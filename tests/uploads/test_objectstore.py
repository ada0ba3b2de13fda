"""The same on an object store: no local copy, a copy within the store at register, and no writer lost or doubled."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    ArtifactsRefused,
    CoreSettings,
    ModelRegistry,
    UploadExpired,
    UploadLocked,
    UploadNotFound,
    UploadOffsetMismatch,
    UploadTooLarge,
)
from registry_core.format.layout import is_package
from registry_core.storage.contract import StorageOptions
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage

from ..support.machine import MIB
from ..support.seaweed import BUCKET, Seaweed, s3_client
from ..support.servers import gunicorn, wait_until
from .wire import Wire, announced, checksum, code, sha256

DATA = random.Random(17).randbytes(3 * MIB)
Open = Callable[..., ModelRegistry]


class Stream:
    """What arrives; ``between`` is called after the first read."""

    def __init__(self, data: bytes, between: Callable[[], object] = lambda: None) -> None:
        self._data, self._between = io.BytesIO(data), between

    def readinto(self, buffer: memoryview, /) -> int:
        at = self._data.tell()
        count = self._data.readinto(buffer)
        if at == 0:
            self._between()
        return count


@pytest.fixture
def memory() -> Open:
    """Opens registries over one store in memory, each as a replica of its own would."""
    from obstore.store import MemoryStore

    store = MemoryStore()

    def opened(**settings: Any) -> ModelRegistry:
        storage = ObjectStorage("s3://registries/root", StorageOptions(), is_package, store=store)
        return ModelRegistry.open(
            settings=CoreSettings(root="s3://registries/root", workers=2, **settings), storage=storage
        )

    return opened


@pytest.fixture(params=["object store", "memory"])
def either(request: pytest.FixtureRequest, memory: Open) -> Open:
    """As ``memory``; and the same over a root in memory, which has no object store's ways."""
    storage = MemoryStorage()

    def opened(**settings: Any) -> ModelRegistry:
        return ModelRegistry.open("memory://", settings=CoreSettings(workers=2, **settings), storage=storage)

    return memory if request.param == "object store" else opened


def keys(registry: ModelRegistry) -> list[str]:
    """What is left of sessions."""
    uploads = registry._storage.uploads
    listed = [entry.key for entry in registry._storage.documents.list(uploads.place, deep=True)]
    return [*listed, *uploads.expired(float("inf"))]


def test_pieces_become_a_version(either: Open) -> None:
    registry, other = either(), either()
    session = registry.begin_upload("t", "m").upload_id
    file = registry.add_upload(session, "d/model.pt", len(DATA)).file_id
    registry.add_upload(session, "empty", 0)
    for begin, end, at in ((0, MIB, registry), (MIB, 2 * MIB, other), (2 * MIB, len(DATA), registry)):
        assert at.receive(session, file, begin, Stream(DATA[begin:end])).offset == end
    one = other.add_upload(session, "one piece", 5)
    other.receive(session, one.file_id, 0, Stream(b"12345"))
    shown = {file.path: file.sha256 for file in registry.upload(session).files}
    assert shown == {"d/model.pt": sha256(DATA), "empty": sha256(b""), "one piece": sha256(b"12345")}
    done = other.register("t", "m", "1", upload_id=session)
    assert done.hashes["d/model.pt"] == "sha256:" + sha256(DATA)
    assert registry.verify("t", "m@1").files_checked == 4
    assert keys(registry) == []


def test_what_the_model_has_is_copied_in_the_store(either: Open) -> None:
    registry = either()
    first = registry.begin_upload("t", "m").upload_id
    file = registry.add_upload(first, "x", len(DATA))
    registry.receive(first, file.file_id, 0, Stream(DATA))
    registry.register("t", "m", "1", upload_id=first)
    second = registry.begin_upload("t", "m", [announced("y/z", DATA)])
    assert second.have == ["y/z"]
    registry.register("t", "m", "2", upload_id=second.upload_id)
    assert registry.verify("t", "m@2").bytes_checked > len(DATA)
    third = registry.begin_upload("t", "m", [announced("w", DATA)])
    for version in ("1", "2"):
        for alias in registry.list_aliases("t", "m"):
            registry.unalias("t", "m", alias.alias)
        registry.delete("t", "m", version, reason="wrong")
    with pytest.raises(ArtifactsRefused):
        registry.register("t", "m", "3", upload_id=third.upload_id)


def test_two_writers_on_two_replicas_make_one_file(memory: Open) -> None:
    """Nobody holds a lock: the second is refused when it wants to record what it sent, and sent in vain."""
    registry, other = memory(), memory()
    session = registry.begin_upload("t", "m").upload_id
    file = registry.add_upload(session, "x", 10).file_id

    def meanwhile() -> None:
        with pytest.raises(UploadLocked):
            registry.receive(session, file, 0, Stream(b"same replica"[:10]))
        assert other.receive(session, file, 0, Stream(b"abcde")).offset == 5

    with pytest.raises(UploadLocked):
        registry.receive(session, file, 0, Stream(b"ABCDEFGHIJ", meanwhile))
    with pytest.raises(UploadOffsetMismatch):
        registry.receive(session, file, 0, Stream(b"ABCDEFGHIJ"))
    assert registry.receive(session, file, 5, Stream(b"fghij")).sha256 == sha256(b"abcdefghij")
    assert len([key for key in keys(registry) if "/data/" in key]) == 2


def test_writers_in_a_race(memory: Open) -> None:
    replicas = [memory() for _ in range(4)]
    session = replicas[0].begin_upload("t", "m").upload_id
    file = replicas[0].add_upload(session, "x", len(DATA)).file_id

    def push(registry: ModelRegistry) -> None:
        while (offset := registry.uploaded(session, file).offset) < len(DATA):
            with suppress(UploadLocked, UploadOffsetMismatch):
                registry.receive(session, file, offset, Stream(DATA[offset : offset + 100_000]))

    threads = [threading.Thread(target=push, args=(replica,)) for replica in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replicas[0].uploaded(session, file).sha256 == sha256(DATA)
    replicas[1].register("t", "m", "1", upload_id=session)
    assert replicas[2].verify("t", "m@1").files_checked == 2


@pytest.mark.parametrize("_", range(20))
def test_a_quota_holds_over_replicas(memory: Open, _: int) -> None:
    replicas = [memory(max_upload_bytes=1000, max_upload_files=8) for _ in range(4)]
    session = replicas[0].begin_upload("t", "m").upload_id
    outcomes: list[str] = []

    def add(registry: ModelRegistry, number: int) -> None:
        for n in range(4):
            try:
                registry.add_upload(session, f"{number}/{n}", 100)
                outcomes.append("added")
            except UploadTooLarge as error:
                outcomes.append(error.code)

    threads = [threading.Thread(target=add, args=(replica, n)) for n, replica in enumerate(replicas)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("added"), len(outcomes)) == (8, 16)
    assert len(replicas[0].upload(session).files) == 8
    replicas[0].drop_upload(session, replicas[1].upload(session).files[0].file_id)
    assert replicas[0].add_upload(session, "after", 100).offset == 0
    with pytest.raises(UploadTooLarge):
        replicas[0].add_upload(session, "more", 300)


def test_a_path_that_was_dropped_begins_anew(either: Open) -> None:
    """Its id comes again; what was hashed of the one before must not."""
    registry = either()
    session = registry.begin_upload("t", "m").upload_id
    file = registry.add_upload(session, "x", 10)
    registry.receive(session, file.file_id, 0, Stream(b"12345"))
    registry.drop_upload(session, file.file_id)
    with pytest.raises(UploadNotFound):
        registry.receive(session, file.file_id, 5, Stream(b"67890"))
    again = registry.add_upload(session, "x", 10)
    registry.receive(session, again.file_id, 0, Stream(b"abcde"))
    assert registry.receive(session, again.file_id, 5, Stream(b"fghij")).sha256 == sha256(b"abcdefghij")
    assert registry.add_upload(session, "y", 3).file_id == registry.add_upload(session, "y", 3).file_id
    with pytest.raises(ArtifactsRefused):
        registry.add_upload(session, "y", 4)


def test_expiry_and_sweep(either: Open) -> None:
    registry = either()
    sessions = [registry.begin_upload("t", "m").upload_id for _ in range(2)]
    for session in sessions:
        file = registry.add_upload(session, "x", 3)
        registry.receive(session, file.file_id, 0, Stream(b"abc"))
    hasty = either(upload_expiry_s=1e-9)
    with pytest.raises(UploadExpired):
        hasty.upload(sessions[0])
    place = registry._storage.uploads.place
    assert registry.sweep(0).removed == []
    assert sorted(hasty.sweep(0, dry_run=True).removed) == sorted(f"{place}/{session}" for session in sessions)
    assert sorted(hasty.sweep(0).removed) == sorted(f"{place}/{session}" for session in sessions)
    assert keys(registry) == []


def test_a_file_and_a_directory_of_one_name(memory: Open) -> None:
    registry = memory()
    session = registry.begin_upload("t", "m").upload_id
    for path in ("a", "a/b"):
        registry.add_upload(session, path, 0)
    with pytest.raises(ArtifactsRefused):
        registry.register("t", "m", "1", upload_id=session)


def test_the_wire_over_a_real_store(seaweed: Seaweed, tmp_path: Path) -> None:
    """Gunicorn and SeaweedFS: pieces, a checksum, a broken connection, a register that repeats itself, a sweep."""
    root = seaweed.new_root()
    with gunicorn(root, env=seaweed.env, workers=2) as server:
        wire = Wire(server.url, tmp_path)
        session = wire.begin()
        file = wire.made(session["url"], "model.pt", len(DATA))
        assert wire.patch(file, 0, DATA[:MIB]).status_code == 204
        wrong = wire.patch(file, MIB, DATA[MIB:], **{"Upload-Checksum": checksum(DATA)})
        assert code(wrong) == (460, "checksum_mismatch")
        with wire.begin_patch(file, MIB, len(DATA) - MIB, DATA[MIB : 2 * MIB]):
            pass
        wait_until(lambda: wire.offset(file) > MIB, "what arrived is not kept")
        offset = wire.at_rest(file)
        assert wire.patch(file, offset, DATA[offset:]).status_code == 204
        assert wire.register(session, "1").status_code == 201
        assert wire.http.post("/v1/verify", json={"task": "t", "ref": "m@1"}).status_code == 200

        again = wire.begin(announced("model.pt", DATA), announced("new", b"new"))
        assert again["have"] == ["model.pt"]
        wire.send(again["url"], "new", b"new")
        async_answer = wire.register(again, "2", headers={"Prefer": "respond-async", "Idempotency-Key": "k"})
        assert async_answer.status_code == 202
        url = async_answer.json()["url"]
        wait_until(lambda: wire.http.get(url).json()["state"] == "succeeded", "the registration does not end")
        assert wire.http.get(url).json()["result"]["version"] == "2"
        assert wire.http.post("/v1/verify", json={"task": "t", "ref": "m@2"}).status_code == 200
        assert wire.http.delete(wire.begin()["url"]).status_code == 204
    client = s3_client(seaweed.endpoint)
    prefix = root.removeprefix(f"s3://{BUCKET}/")
    left = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/.incoming/").get("Contents", [])
    assert left == []
    assert not any(path.name.startswith(".uploads") for path in tmp_path.iterdir())

"""A store takes keys of 1,024 bytes: what would have a longer one is refused before a byte is moved."""

from __future__ import annotations

from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from registry_core import ArtifactsRefused, CoreSettings, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.storage import StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

from ..support.packages import open_registry, write_files

PREFIX = "team/" * 40
LONGEST = 1024 - len(f"{PREFIX}registry/tasks/t/models/m/versions/1/{'0' * 32}/")


def registry(store: MemoryStore, prefix: str = PREFIX) -> ModelRegistry:
    url = f"s3://bucket/{prefix}registry"
    return ModelRegistry.open(
        settings=CoreSettings(root=url), storage=ObjectStorage(url, StorageOptions(), is_package, store=store)
    )


def named(size: int) -> str:
    path = "/".join(["é" * 90] * 10)
    while len(path.encode()) > size - 2:
        path = path[:-1]
    path = path.rstrip("/")
    return path + "x" * (size - len(path.encode()))


def keys(store: MemoryStore) -> list[str]:
    return [meta["path"] for chunk in obstore.list(store) for meta in chunk if "/versions/" in meta["path"]]


@pytest.mark.parametrize("size", [LONGEST, LONGEST + 1])
def test_what_is_too_long_for_a_key_is_refused_at_intake(tmp_path: Path, size: int) -> None:
    store = MemoryStore()
    path = named(size)
    assert len(path.encode()) == size
    source = write_files(tmp_path / "source", {path: b"x", "model.pt": b"y"})
    if size == LONGEST:
        assert registry(store).register("t", "m", "1", source).version == "1"
        assert registry(store).verify("t", "m@1").files_checked > 2
        return
    with pytest.raises(ArtifactsRefused) as caught:
        registry(store).register("t", "m", "1", source)
    assert [problem["path"] for problem in caught.value.detail["problems"]] == [path]
    assert keys(store) == []


def test_a_migration_says_which_file_it_is(tmp_path: Path) -> None:
    path = named(LONGEST + 1)
    (tmp_path / "root").mkdir()
    here = open_registry(tmp_path / "root")
    here.register("t", "m", "1", write_files(tmp_path / "source", {path: b"x"}))
    with pytest.raises(ArtifactsRefused) as caught:
        here.migrate_to(registry(MemoryStore()))
    assert caught.value.detail["path"] == path


def test_an_upload_learns_of_it_when_it_announces_the_file(tmp_path: Path) -> None:
    store = MemoryStore()
    there = registry(store)
    longest = there.ask_register("t", "m", "1").longest_path
    assert longest == LONGEST
    for path, fits in ((named(LONGEST), True), (named(LONGEST + 1), False)):
        declared = [{"path": path, "size_bytes": 1, "sha256": "0" * 64}]
        if fits:
            session = there.begin_upload("t", "m", declared)
            assert there.add_upload(session.upload_id, path, 1).path == path
            continue
        with pytest.raises(ArtifactsRefused) as announced:
            there.begin_upload("t", "m", declared)
        with pytest.raises(ArtifactsRefused) as added:
            there.add_upload(session.upload_id, path, 1)
        for refused in (announced, added):
            assert [problem["path"] for problem in refused.value.detail["problems"]] == [path]


def test_a_version_whose_own_name_leaves_no_room_is_refused_when_it_is_asked_for() -> None:
    with pytest.raises(ArtifactsRefused, match="too long"):
        registry(MemoryStore(), "p" * 900).ask_register("t", "m" * 50, "v" * 50)


def test_on_a_disk_and_in_memory_there_is_no_such_limit(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    there = open_registry(tmp_path / "root")
    assert there.ask_register("t", "m", "1").longest_path is None
    path = named(LONGEST + 1)
    session = there.begin_upload("t", "m", [{"path": path, "size_bytes": 1, "sha256": "0" * 64}])
    assert there.add_upload(session.upload_id, path, 1).path == path

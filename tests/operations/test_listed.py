"""What is under way is listed at a bounded cost: on a store by few requests, however much there is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from registry_core import CoreSettings, InvalidParameter, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.operations import running
from registry_core.storage import Storage
from registry_core.storage.contract import StorageOptions
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage
from registry_core.uploads import under_way
from registry_core.vocabulary.texts import format_time


def storages(place: Path) -> dict[str, Storage]:
    place.mkdir()
    return {
        "filesystem": FilesystemStorage(place),
        "memory": MemoryStorage(),
        "store": ObjectStorage("s3://bucket/root", StorageOptions(), is_package, store=MemoryStore()),
    }


@pytest.fixture(params=["filesystem", "memory", "store"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    storage = storages(tmp_path / "root")[request.param]
    return ModelRegistry.open("memory://", storage=storage, settings=CoreSettings(workers=1))


def test_operations_say_how_they_stand_and_what_they_are_about(registry: ModelRegistry) -> None:
    asked = {"task": "t", "model_name": "m", "version": "1", "metadata": {"large": "x"}, "actor": "ada"}
    begun, work = registry.begin_operation("register", asked)
    assert work is not None
    (one,) = registry.list_operations()
    assert (one.operation_id, one.verb, one.state, one.error) == (begun.operation_id, "register", "running", None)
    assert one.about == {"task": "t", "model_name": "m", "version": "1"}
    work.run(lambda _: {"ok": True}, lambda _: {})
    _, failing = registry.begin_operation("verify", {"task": "t", "ref": "m@1"})
    assert failing is not None
    failing.run(lambda _: {}["x"], lambda _: {"code": "version_not_found"})
    found = {one.verb: one for one in registry.list_operations()}
    assert found["register"].state == "succeeded"
    assert (found["verify"].state, found["verify"].error) == ("failed", "version_not_found")
    assert found["verify"].about == {"task": "t", "ref": "m@1"}


def test_uploads_say_for_what_they_are_and_end_with_it(registry: ModelRegistry) -> None:
    session = registry.begin_upload("t", "m", actor="ada")
    registry.begin_upload("t", "other")
    assert {(one.task, one.model_name, one.actor) for one in registry.list_uploads()} == {
        ("t", "m", "ada"),
        ("t", "other", None),
    }
    registry.add_upload(session.upload_id, "model.pt", 3)
    one = next(one for one in registry.list_uploads() if one.upload_id == session.upload_id)
    assert one.created_at is not None
    assert one.created_at <= one.active_at < one.expires_at
    registry.cancel_upload(session.upload_id)
    assert [one.model_name for one in registry.list_uploads()] == ["other"]


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_at_most_a_hundred_are_listed(registry: ModelRegistry, limit: int) -> None:
    for call in (registry.list_operations, registry.list_uploads):
        with pytest.raises(InvalidParameter):
            call(limit)


def test_what_moved_last_comes_first_and_what_has_expired_does_not(tmp_path: Path) -> None:
    import os

    root = tmp_path / "root"
    registry = ModelRegistry.open("memory://", storage=storages(root)["filesystem"], settings=CoreSettings(workers=1))
    ids = [registry.begin_operation("verify", {"ref": str(number)})[0].operation_id for number in range(3)]
    sessions = [registry.begin_upload("t", f"m{number}").upload_id for number in range(3)]
    for age, (operation, session) in enumerate(zip(ids, sessions, strict=True)):
        for file in (root / ".operations" / f"{operation}.json", *(root / ".uploads" / session).iterdir()):
            os.utime(file, times=(1_900_000_000 - age, 1_900_000_000 - age))
    assert [one.operation_id for one in registry.list_operations()] == ids
    assert [one.upload_id for one in registry.list_uploads()] == sessions
    assert [one.upload_id for one in registry.list_uploads(1)] == sessions[:1]
    document = root / ".operations" / f"{ids[0]}.json"
    said = json.loads(document.read_text())
    old = format_time(datetime.now(UTC) - timedelta(seconds=2 * running.EXPIRY_S))
    document.write_text(json.dumps({**said, "updated_at": old, "process": None, "state": "failed"}))
    assert ids[0] not in {one.operation_id for one in registry.list_operations()}
    assert registry.list_operations().warnings == registry.list_uploads().warnings == []


def test_on_a_store_it_costs_a_list_and_a_read_of_each_that_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ObjectStorage("s3://bucket/root", StorageOptions(), is_package, store=MemoryStore())
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings(workers=1))
    for number in range(8):
        registry.begin_operation("verify", {"ref": str(number)})
        session = registry.begin_upload("t", f"m{number}").upload_id
        for file in range(5):
            registry.add_upload(session, f"{file}", 1)
    monkeypatch.setattr(running, "MOST_LOOKED_AT", 6)
    monkeypatch.setattr(under_way, "MOST_LOOKED_AT", 6)
    asked: list[str] = []
    bucket: Any = storage.documents._bucket  # type: ignore[attr-defined]
    for name in ("read", "level", "objects"):
        before = getattr(bucket, name)

        def counted(*words: Any, _before: Any = before, _name: str = name, **more: Any) -> Any:
            asked.append(_name)
            return _before(*words, **more)

        monkeypatch.setattr(bucket, name, counted)
    monkeypatch.setattr(registry._identity, "confirm", lambda: None)
    for call in (registry.list_operations, registry.list_uploads):
        asked.clear()
        found = call()
        assert sorted(asked) == ["level", *["read"] * 6]
        assert len(found) == 6
        assert len(found.warnings) == 1
    asked.clear()
    assert len(registry.list_operations(2)) == 2
    assert sorted(asked) == ["level", "read", "read"]

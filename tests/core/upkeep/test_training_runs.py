"""Check passes over training runs, sweep keeps them, and migrate takes them along in the form of the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry_core import CoreSettings, DestinationDiffers, ModelNotFound, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.models.model import ModelStore
from registry_core.storage import Storage
from registry_core.storage.contract import StorageOptions
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage
from registry_core.verbs import running
from registry_core.verbs.running import Batch

from ...support.old_registry import OldRegistry
from ...support.packages import write_package
from ...support.seaweed import REGION, Seaweed

Bucket = Callable[[], Storage]


@pytest.fixture
def bucket(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Each call opens a new root in a store."""
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    options = StorageOptions(endpoint=seaweed.endpoint, region=REGION)
    return lambda: ObjectStorage(seaweed.new_root(), options, is_package)


def opened(storage: Storage) -> ModelRegistry:
    return ModelRegistry.open("memory://", storage=storage, settings=CoreSettings())


def model_in(storage: Storage, name: str = "m") -> ModelStore:
    return ModelStore(storage, "t", name, 10.0)


def log(model: ModelStore, *values: float, run_id: str = "r1", key: str = "val/loss") -> None:
    metrics = [{"key": key, "value": value, "step": step} for step, value in enumerate(values)]
    running.log(model, run_id, Batch(metrics, {"lr": 0.1}, {"by": "test"}), "ada")


def told(model: ModelStore) -> list[dict[str, object]]:
    return [
        running.run(model, facts.run_id, None).to_dict() for facts in running.runs(model, None, (), None, None).items
    ]


@pytest.fixture(params=["memory", "filesystem", "store"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "store":
        new: Bucket = request.getfixturevalue("bucket")
        return new()
    (tmp_path / "root").mkdir()
    return MemoryStorage() if request.param == "memory" else FilesystemStorage(tmp_path / "root")


def test_a_model_with_runs_alone_is_in_no_list_and_upkeep_keeps_it(storage: Storage, tmp_path: Path) -> None:
    registry = opened(storage)
    model = model_in(storage)
    for value in (1.0, 2.0, 3.0):
        log(model, value)
    running.end(model, "r1", "finished", None)
    before = told(model)
    assert registry.check().findings == []
    assert registry.sweep(0).to_dict() == {"finished": [], "removed": [], "kept": []}
    assert registry.purge(0).to_dict()["purged"] == []
    registry.reindex()
    assert (registry.list_models().items, registry.list_tasks()) == ([], [])
    for ask in (registry.list_aliases, registry.history, registry.audit_verify, registry.hub_commits):
        with pytest.raises(ModelNotFound):
            ask("t", "m")
    with pytest.raises(ModelNotFound):
        registry.show("t", "m@latest")
    assert told(model) == before
    registry.register("t", "m", "1", write_package(tmp_path / "package"))
    assert registry.check().findings == []
    assert registry.list_models().total == 1
    assert told(model) == before


def test_sweep_folds_what_ended_runs_logged_on_a_store(bucket: Bucket) -> None:
    storage = bucket()
    model = model_in(storage)
    for run_id in ("going", "over"):
        for value in (1.0, 2.0, 3.0):
            log(model, value, run_id=run_id)
    running.end(model, "over", "killed", None)
    before = told(model)
    opened(storage).sweep(0)
    assert told(model) == before
    pieces = {
        run_id: [entry.key for entry in storage.documents.list(f"{model.keys.run(run_id)}/batches")]
        for run_id in ("going", "over")
    }
    assert {run_id: len(keys) for run_id, keys in pieces.items()} == {"going": 3, "over": 1}


@pytest.mark.parametrize("way", ["memory", "store"])
def test_runs_go_there_and_back_and_what_is_new_follows(
    tmp_path: Path, way: str, request: pytest.FixtureRequest
) -> None:
    for name in ("source", "back"):
        (tmp_path / name).mkdir()
    source, back = FilesystemStorage(tmp_path / "source"), FilesystemStorage(tmp_path / "back")
    between = MemoryStorage() if way == "memory" else request.getfixturevalue("bucket")()
    log(model_in(source), 1.0, 2.0)
    log(model_in(source), 0.5, key="f1")
    log(model_in(source, "other"), 3.0, run_id="r2")
    for _ in range(2):
        opened(source).migrate_to(opened(between))
        assert told(model_in(between)) == told(model_in(source))
        log(model_in(source), 4.0)
        running.end(model_in(source), "r1", "failed", None)
    opened(source).migrate_to(opened(between))
    opened(between).sweep(0)
    opened(between).migrate_to(opened(back))
    assert tree(tmp_path / "back") == tree(tmp_path / "source")
    log(model_in(between), 9.0)
    with pytest.raises(DestinationDiffers):
        opened(source).migrate_to(opened(between))
    log(model_in(source), 8.0)  # as many points, and another one
    with pytest.raises(DestinationDiffers):
        opened(source).migrate_to(opened(between))


def tree(root: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return {
        name: data for name, data in found.items() if not name.endswith(".lock") and not name.startswith(".staging")
    }


def test_older_software_s_run_is_read_migrated_and_logged_on(tmp_path: Path, bucket: Bucket) -> None:
    OldRegistry(tmp_path).model("t", "m").run("run-17", {"lr": 0.1}, {"gpu": "a"}, {"loss": [0.5, 0.25]})
    metrics = tmp_path / "tasks/t/models/m/runs/run-17/metrics"
    with (metrics / "loss.jsonl").open("a") as file:
        file.write('{"value": 0.1')  # killed
    source, target = FilesystemStorage(tmp_path), bucket()
    opened(source).migrate_to(opened(target))
    for storage, warnings in ((source, 1), (target, 0)):
        found = running.run(model_in(storage), "run-17", None)
        assert [(point["value"], point["step"]) for point in found.metric_history["loss"]] == [(0.5, 0), (0.25, 1)]
        assert all(isinstance(point["ts_utc"], str) for point in found.metric_history["loss"])
        assert (found.status, found.params, found.tags) == ("running", {"lr": 0.1}, {"gpu": "a"})
        assert len(found.warnings) == warnings
        log(model_in(storage), 0.125, run_id="run-17", key="loss")
        assert running.run(model_in(storage), "run-17", None).metrics_summary == {"loss": 0.125}
    assert opened(source).check().findings == []


def test_what_lies_beside_the_metrics_goes_along_as_it_is(tmp_path: Path, bucket: Bucket) -> None:
    home = tmp_path / "tasks/t/models/m/runs/r1"
    (home / "metrics/deep").mkdir(parents=True)
    (home / "plots").mkdir()
    for name in ("notes.txt", "plots/loss.jsonl", "metrics/readme.md", "metrics/deep/a.jsonl"):
        (home / name).write_bytes(b"as it is")
    target = bucket()
    opened(FilesystemStorage(tmp_path)).migrate_to(opened(target))
    found: Iterator[str] = (entry.key.partition("/r1/")[2] for entry in target.documents.list("tasks", deep=True))
    assert set(found) == {"notes.txt", "plots/loss.jsonl", "metrics/readme.md", "metrics/deep/a.jsonl"}

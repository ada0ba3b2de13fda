"""The registry of the demo: made through the library alone, over months, and by whoever asks for it once more."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry_core import CoreSettings, Event, ModelRegistry

from ..support.packages import write_files

REPOSITORY = Path(__file__).resolve().parents[2]
FILL = [sys.executable, str(REPOSITORY / "examples/demo_data")]
TASK, MODEL = "celltype", "human_pbmc"


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def _fill(root: Path, models: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FILL, str(root), "--models", str(models)], capture_output=True, text=True, env=_environment()
    )


def _events(registry: ModelRegistry) -> list[Event]:
    return registry.history(TASK, MODEL, limit=1000).events


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "root"
    done = _fill(root, 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("/ui/")
    return root


def test_what_is_made_is_a_registry_with_a_past(filled: Path) -> None:
    registry = ModelRegistry.open(settings=CoreSettings(root=str(filled)))
    assert registry.check().findings == []
    events = _events(registry)
    kinds = {"register", "promote", "rollback", "patch", "stage", "delete", "restore", "attest", "finding"}
    assert {event.event for event in events} == kinds
    assert all(event.reason for event in events)
    assert len({event.actor for event in events if event.alias == "production"}) > 1
    moments = [event.ts_utc or "" for event in events]
    assert moments == sorted(moments)
    now = datetime.now(UTC)
    assert now - timedelta(days=400) < datetime.fromisoformat(moments[0]) < now - timedelta(days=200)
    assert datetime.fromisoformat(moments[-1]) < now
    aliases = {alias.alias: alias.version for alias in registry.list_aliases(TASK, MODEL)}
    assert aliases["production"] != aliases["latest"]


def test_production_of_one_model_needs_one_more_reviewer(filled: Path) -> None:
    registry = ModelRegistry.open(settings=CoreSettings(root=str(filled)))
    gate = registry.gate(TASK, f"{MODEL}@latest", "production")
    assert {check.id for check in gate.checks if not check.met} == {"two-reviewers"}
    assert len(gate.checks) == 4


def test_a_version_has_what_a_reader_looks_for(filled: Path) -> None:
    registry = ModelRegistry.open(settings=CoreSettings(root=str(filled)))
    said = registry.show(TASK, f"{MODEL}@latest", verify=True)
    assert said.meta["lineage"]["parent_version"] in {event.version for event in _events(registry)}
    names = {file.name for file in registry.artifacts(TASK, f"{MODEL}@latest").files}
    assert {"README.md", "model.pt", "docs/embedding.png", "docs/confusion.tsv"} <= names
    metrics = registry.metrics(TASK, f"{MODEL}@latest")
    assert len(metrics.version_metrics) == 3
    assert len(metrics.run_history["loss"]) == 30
    assert {run.status for run in registry.runs(TASK, MODEL).items} == {"finished", "failed", "running"}


def test_a_second_call_adds_nothing(filled: Path) -> None:
    registry = ModelRegistry.open(settings=CoreSettings(root=str(filled)))
    before = registry.audit_verify(TASK, MODEL)
    done = _fill(filled, 1)
    assert "0 events were written" in done.stdout
    assert registry.audit_verify(TASK, MODEL) == before


def test_a_call_after_a_kill_goes_on_where_that_stopped(filled: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*FILL, str(tmp_path), "--models", "1"], stdout=subprocess.PIPE, text=True, env=_environment()
    ) as filling:
        assert filling.stdout is not None
        assert filling.stdout.readline().startswith("20 events")
        filling.kill()
    assert _fill(tmp_path, 1).returncode == 0
    registry = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path)))
    assert registry.check().findings == []
    whole = ModelRegistry.open(settings=CoreSettings(root=str(filled)))
    said = [
        [(event.event, event.version, event.alias, event.reason) for event in _events(one)] for one in (registry, whole)
    ]
    assert said[0] == said[1]
    assert len(registry.run(TASK, MODEL, "train-1.0.0").metric_history["loss"]) == 30


def test_a_registry_of_somebody_s_own_is_left_alone(tmp_path: Path) -> None:
    source = write_files(tmp_path / "source", {"model.pt": b"mine"})
    root = tmp_path / "root"
    root.mkdir()
    registry = ModelRegistry.open(settings=CoreSettings(root=str(root)))
    registry.register("mine", "model", "1", source)
    done = _fill(root, 1)
    assert done.returncode != 0
    assert "mine" in done.stderr
    assert [task.task for task in registry.list_tasks()] == ["mine"]

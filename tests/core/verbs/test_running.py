"""Training runs in the core: what is kept, what is refused, and what is told of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from registry_core import InvalidName, InvalidParameter, ModelNotFound, RunNotFound
from registry_core.models.model import ModelStore
from registry_core.storage import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.verbs import running
from registry_core.verbs.running import Batch

HUGE = 1 << 13_300_000  # of 4 million digits, which nothing may write out
WRONG_POINTS: dict[str, Any] = {
    "NaN": {"key": "loss", "value": math.nan},
    "infinity": {"key": "loss", "value": -math.inf},
    "a number of 4 million digits": {"key": "loss", "value": HUGE},
    "a number that no float holds": {"key": "loss", "value": 10**400},
    "truth": {"key": "loss", "value": True},
    "a text": {"key": "loss", "value": "0.5"},
    "nothing": {"key": "loss", "value": None},
    "no value": {"key": "loss"},
    "no key": {"value": 1},
    "no object": 7,
    "no text as key": {"key": 7, "value": 1},
    "an empty key": {"key": "", "value": 1},
    "a long key": {"key": "k" * 251, "value": 1},
    "a key whose file has too long a name": {"key": "/" * 100, "value": 1},
    "a control": {"key": "a\x1b[2J", "value": 1},
    "a newline": {"key": "a\nb", "value": 1},
    "a NUL": {"key": "a\x00", "value": 1},
    "the directory above": {"key": "..", "value": 1},
    "a lone surrogate": {"key": "\ud800", "value": 1},
    "half a step": {"key": "loss", "value": 1, "step": 0.5},
    "a text as step": {"key": "loss", "value": 1, "step": "1"},
    "a step of 4 million digits": {"key": "loss", "value": 1, "step": HUGE},
    "no time": {"key": "loss", "value": 1, "timestamp": "yesterday"},
    "a time beyond all": {"key": "loss", "value": 1, "timestamp": 1e300},
    "NaN as time": {"key": "loss", "value": 1, "timestamp": math.nan},
}
WRONG_VALUES: dict[str, Any] = {
    "NaN": {"lr": math.nan},
    "a number of 4 million digits": {"lr": HUGE},
    "a control in a key": {"a\x07": 1},
    "an empty key": {"": 1},
    "deep": {"a": json.loads("[" * 70 + "]" * 70)},
    "a lone surrogate": {"a": "\udfff"},
    "large": {"a": "x" * 1024 * 1024},
    "a list": [1],
    "bytes": {"a": b"1"},
}


@pytest.fixture(params=["memory", "filesystem"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return MemoryStorage() if request.param == "memory" else FilesystemStorage(tmp_path)


@pytest.fixture
def model(storage: Storage) -> ModelStore:
    return ModelStore(storage, "t", "m", 10.0)


def points(*values: float, key: str = "loss") -> list[Mapping[str, Any]]:
    return [{"key": key, "value": value, "step": step} for step, value in enumerate(values)]


def log(model: ModelStore, *values: float, run_id: str = "r1", key: str = "loss", **more: Any) -> None:
    running.log(model, run_id, Batch(points(*values, key=key), **more), None)


def files(model: ModelStore) -> list[str]:
    found = (entry.key for entry in model.storage.documents.list("", deep=True))
    return [key for key in found if not key.endswith(".lock")]


def test_what_is_logged_is_told(model: ModelStore) -> None:
    batch = Batch([*points(0.5, 0.25), *points(0.9, key="val/f1")], {"lr": 1e-3, "layers": [1, 2]}, {"gpu": "a100"})
    done = running.log(model, "r1", batch, "ada")
    assert done.to_dict() == {"run_id": "r1", "metrics": 3, "params": 2, "tags": 1}
    log(model, 0.125)
    told = running.run(model, "r1", None)
    assert told.metrics_summary == {"loss": 0.125, "val/f1": 0.9}
    assert [(point["step"], point["value"]) for point in told.metric_history["loss"]] == [
        (0, 0.5),
        (1, 0.25),
        (0, 0.125),
    ]
    assert (told.status, told.actor, told.finished_at, told.warnings) == ("running", "ada", None, [])
    assert (told.params, told.tags) == ({"lr": 1e-3, "layers": [1, 2]}, {"gpu": "a100"})
    assert running.runs(model, None, (), None, None).items[0].to_dict() == {
        name: value for name, value in told.to_dict().items() if name not in ("metric_history", "warnings")
    }


def test_a_point_says_when(model: ModelStore) -> None:
    given = [
        {"key": "a", "value": 1, "timestamp": "2026-11-24T10:30:00+01:00"},
        {"key": "a", "value": 2, "timestamp": 1},
    ]
    running.log(model, "r1", Batch(given), None)
    told = running.run(model, "r1", None).metric_history["a"]
    assert [point["ts_utc"] for point in told] == ["2026-11-24T09:30:00.000000Z", "1970-01-01T00:00:01.000000Z"]


@pytest.mark.parametrize("what", WRONG_POINTS)
def test_a_wrong_point_is_refused_and_nothing_of_its_call_is_kept(model: ModelStore, what: str) -> None:
    with pytest.raises(InvalidParameter):
        running.log(model, "r1", Batch([*points(1.0), WRONG_POINTS[what]], {"lr": 1}, {"a": 1}), None)
    assert files(model) == []


@pytest.mark.parametrize("what", WRONG_VALUES)
@pytest.mark.parametrize("where", ["params", "tags"])
def test_a_wrong_parameter_or_tag_is_refused(model: ModelStore, what: str, where: str) -> None:
    with pytest.raises(InvalidParameter):
        running.log(model, "r1", Batch(**{where: WRONG_VALUES[what]}), None)
    assert files(model) == []


@pytest.mark.parametrize(
    "run_id", ["", ".", "..", "a/b", "../../x", "a..b", "-a", "a" * 97, "a\x00", "a" * 40, None, 7]
)
def test_a_run_is_named_as_a_version_is(model: ModelStore, run_id: Any) -> None:
    for call in (
        lambda: running.log(model, run_id, Batch(points(1.0)), None),
        lambda: running.end(model, run_id, "finished", None),
    ):
        with pytest.raises(InvalidName):
            call()
    with pytest.raises((InvalidName, RunNotFound)):
        running.run(model, run_id, None)
    assert files(model) == []


def test_too_many_are_refused(model: ModelStore) -> None:
    for metrics in (points(*[1.0] * 10_001), [{"key": f"k{number}", "value": 1} for number in range(1001)], "loss", 7):
        with pytest.raises(InvalidParameter):
            running.log(model, "r1", Batch(metrics), None)  # type: ignore[arg-type]
    assert files(model) == []


def test_parameters_of_a_run_have_a_bound_together(model: ModelStore) -> None:
    log(model, params={"a": "x" * 600_000})
    with pytest.raises(InvalidParameter, match="at most"):
        log(model, params={"b": "x" * 600_000})
    assert running.run(model, "r1", None).params.keys() == {"a"}


def test_the_end_of_a_run_is_said_once_and_may_be_corrected(model: ModelStore) -> None:
    log(model, 1.0)
    first = running.end(model, "r1", "finished", None)
    assert running.end(model, "r1", "finished", None) == first
    assert first.started_at is not None
    assert first.finished_at is not None
    assert first.started_at <= first.finished_at
    assert running.end(model, "r1", "failed", None).status == "failed"
    log(model, 2.0)  # what comes late is kept, and the run has ended all the same
    told = running.run(model, "r1", None)
    assert (told.status, told.metrics_summary) == ("failed", {"loss": 2.0})
    with pytest.raises(InvalidParameter):
        running.end(model, "r1", "running", None)


def test_a_line_that_a_killed_writer_left_is_passed_over_and_told(model: ModelStore) -> None:
    log(model, 1.0, 2.0)
    key = f"{model.keys.run('r1')}/metrics/loss.jsonl"
    documents = model.storage.documents
    documents.write(key, documents.read(key).data + b'{"key": "loss", "val')
    for expected in ([1.0, 2.0], [1.0, 2.0, 3.0]):
        told = running.run(model, "r1", None)
        assert [point["value"] for point in told.metric_history["loss"]] == expected
        assert told.metrics_summary == running.runs(model, None, (), None, None).items[0].metrics_summary
        assert told.metrics_summary == {"loss": expected[-1]}
        assert len(told.warnings) == 1
        assert "loss" in told.warnings[0]
        if len(expected) == 2:
            log(model, 3.0)


def test_a_complete_line_without_a_newline_counts(model: ModelStore) -> None:
    key = f"{model.keys.run('old')}/metrics/loss.jsonl"
    model.storage.documents.write(key, b'{"key": "loss", "value": 1, "step": 0}')
    log(model, 2.0, run_id="old")
    told = running.run(model, "old", None)
    assert ([point["value"] for point in told.metric_history["loss"]], told.warnings) == ([1, 2.0], [])


def test_damaged_documents_count_as_empty_and_are_written_anew(model: ModelStore) -> None:
    home = model.keys.run("r1")
    for name in ("run.json", "params.json", "tags.json"):
        model.storage.documents.write(f"{home}/{name}", b'{"lr": ')
    told = running.run(model, "r1", None)
    assert (told.status, told.params, told.tags, told.started_at) == ("running", {}, {}, None)
    log(model, 1.0, params={"lr": 1})
    assert running.run(model, "r1", None).params == {"lr": 1}


def test_a_parameter_that_older_software_wrote_as_nan_hinders_nobody(model: ModelStore) -> None:
    model.storage.documents.write(f"{model.keys.run('r1')}/params.json", b'{"lr": NaN}')
    log(model, params={"layers": 2})
    assert running.run(model, "r1", None).params == {"lr": None, "layers": 2}


def test_points_are_thinned_only_where_it_is_asked(model: ModelStore) -> None:
    log(model, *map(float, range(1000)))
    log(model, 1.0, 2.0, key="few")
    assert len(running.run(model, "r1", None).metric_history["loss"]) == 1000
    thin = running.run(model, "r1", 300)
    values = [point["value"] for point in thin.metric_history["loss"]]
    assert (len(values), values[0], values[-1]) == (300, 0.0, 999.0)
    assert values == sorted(set(values))
    assert len(thin.metric_history["few"]) == 2
    assert thin.metrics_summary == {"loss": 999.0, "few": 2.0}
    for wrong in (1, 0, -5):
        with pytest.raises(InvalidParameter):
            running.run(model, "r1", wrong)


def test_runs_are_listed_by_pages_and_filtered(model: ModelStore) -> None:
    for number in range(5):
        log(model, 1.0, run_id=f"r{number}", params={"lr": number / 10, "opt": "adam" if number % 2 else "sgd"})
    running.end(model, "r3", "finished", None)

    def listed(status: str | None = None, param: tuple[str, ...] = ()) -> list[str]:
        found, cursor = [], None
        while True:
            page = running.runs(model, status, param, 2, cursor)
            found += [facts.run_id for facts in page.items]
            if page.next is None:
                return found
            cursor = page.next

    assert listed() == ["r0", "r1", "r2", "r3", "r4"]
    assert listed("finished") == ["r3"]
    assert listed("running") == ["r0", "r1", "r2", "r4"]
    assert listed(param=("opt:adam",)) == ["r1", "r3"]
    assert listed(param=("opt:sgd", "lr:0.2")) == ["r2"]
    assert listed(param=("nothing:1",)) == []
    for wrong in (("gone", ()), (None, ("lr",))):
        with pytest.raises(InvalidParameter):
            listed(*wrong)
    with pytest.raises(InvalidParameter):
        running.runs(model, None, (), 1001, None)


def test_what_is_not_there_is_not_found(model: ModelStore) -> None:
    with pytest.raises(ModelNotFound):
        running.runs(model, None, (), None, None)
    with pytest.raises(RunNotFound):
        running.run(model, "r1", None)
    log(model, 1.0)
    with pytest.raises(RunNotFound):
        running.run(model, "r2", None)


def test_a_run_makes_no_model(model: ModelStore) -> None:
    log(model, 1.0)
    assert not model.exists()
    assert list(model.journal.lines()) == []

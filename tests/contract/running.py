"""Training runs: logged, ended, told, by every way in and on every storage."""

from __future__ import annotations

from typing import Any

import pytest

from registry_core import InvalidName, InvalidParameter, ModelNotFound, RegistryError, RunNotFound
from registry_core.vocabulary.texts import parse_time

from .place import MODEL, TASK, Place

RUN = (TASK, MODEL, "run-17")


class Running:
    """Mixed into the contract of the registry."""

    def test_a_run_is_logged_and_told(self, place: Place) -> None:
        way = place.way
        assert way.log_metric(*RUN, "val/loss", 0.5, step=3) == {
            "run_id": "run-17",
            "metrics": 1,
            "params": 0,
            "tags": 0,
        }
        way.log_param(*RUN, "lr", 0.001)
        points = [{"key": "val/loss", "value": value, "timestamp": "2026-11-24T09:30:00Z"} for value in (0.25, 0.125)]
        way.log_batch(*RUN, metrics=points, params={"opt": "adam"}, tags={"gpu": "a100"}, actor="ada")
        told = way.training_run(*RUN)
        history = told.pop("metric_history")["val/loss"]
        assert [(point["value"], point["step"]) for point in history] == [(0.5, 3), (0.25, 0), (0.125, 0)]
        assert history[2]["ts_utc"] == "2026-11-24T09:30:00.000000Z"
        assert parse_time(told.pop("started_at")) is not None
        expected: dict[str, Any] = {
            "task": TASK,
            "model_name": MODEL,
            "run_id": "run-17",
            "status": "running",
            "finished_at": None,
            "actor": None,
            "params": {"lr": 0.001, "opt": "adam"},
            "tags": {"gpu": "a100"},
            "metrics_summary": {"val/loss": 0.125},
        }
        assert told == expected
        ended = way.end_run(*RUN, status="failed")
        (listed,) = place.replica().runs(TASK, MODEL).items
        assert (listed.status, listed.finished_at) == ("failed", ended["finished_at"])
        (facts,) = way.training_runs(TASK, MODEL)
        assert {**facts, "started_at": None} == {**expected, **ended, "started_at": None}
        assert len(way.training_run(*RUN, points=2)["metric_history"]["val/loss"]) == 2

    def test_a_page_of_runs(self, place: Place) -> None:
        for number in range(4):
            place.way.log_batch(TASK, MODEL, f"r{number}", params={"opt": "adam" if number % 2 else "sgd", "n": number})
        place.way.end_run(TASK, MODEL, "r2")

        def ids(**filters: Any) -> list[str]:
            return [run["run_id"] for run in place.way.training_runs(TASK, MODEL, **filters)]

        assert ids() == ["r0", "r1", "r2", "r3"]
        assert ids(limit=2) == ["r0", "r1"]
        assert ids(limit=2, cursor="r1") == ["r2", "r3"]
        assert ids(status="finished") == ["r2"]
        assert ids(param=["opt:adam"]) == ["r1", "r3"]
        assert ids(param=["opt:adam", "n:3"]) == ["r3"]

    def test_what_cannot_be_logged_is_refused_and_nothing_is_kept(self, place: Place) -> None:
        for key, value in (("loss", "high"), ("a\nb", 1), ("..", 1), ("k" * 251, 1), ("/" * 200, 1), ("loss", 10**400)):
            with pytest.raises(InvalidParameter):
                place.way.log_metric(*RUN, key, value)
        for run_id in ("..", "a/b", "a b", "0" * 40):
            with pytest.raises(InvalidName):
                place.way.log_metric(TASK, MODEL, run_id, "loss", 1)
        with pytest.raises(InvalidParameter):
            place.way.log_batch(*RUN, metrics=[{"key": "loss", "value": 1}, {"key": "loss"}], params={"lr": 1})
        with pytest.raises(InvalidParameter):
            place.way.end_run(*RUN, status="done")
        assert list(place.storage.documents.list(f"tasks/{TASK}", deep=True)) == []

    def test_a_model_that_has_runs_alone_is_there_for_them_alone(self, place: Place) -> None:
        with pytest.raises(ModelNotFound):
            place.way.training_runs(TASK, MODEL)
        place.way.log_metric(*RUN, "loss", 1)
        assert len(place.way.training_runs(TASK, MODEL)) == 1
        with pytest.raises(RunNotFound) as refused:
            place.way.training_run(TASK, MODEL, "run-18")
        assert refused.value.detail == {"task": TASK, "model_name": MODEL, "run_id": "run-18"}
        asking: list[Any] = [
            lambda: place.way.aliases(TASK, MODEL),
            lambda: place.way.history(TASK, MODEL),
            lambda: place.way.resolve(TASK, f"{MODEL}@latest"),
            lambda: place.way.promote(TASK, MODEL, "production", "1"),
            lambda: place.way.audit_verify(TASK, MODEL),
            lambda: place.way.compare(TASK, MODEL, ["1", "2"]),
        ]
        for ask in asking:
            with pytest.raises(RegistryError) as refused_too:
                ask()
            assert refused_too.value.code in ("model_not_found", "version_not_found")
        assert place.replica().list_models().items == []
        assert place.replica().list_tasks() == []
        assert place.replica().list_summaries().items == []
        place.register("1")
        assert place.way.training_runs(TASK, MODEL)[0]["run_id"] == "run-17"
        assert place.way.check()["clean"] is True

    def test_a_version_shows_the_run_that_it_names(self, place: Place) -> None:
        """Logged before the version is registered, and after: with its parameters and its curves."""
        for number, metadata in enumerate(({"run_id": "r0"}, {"lineage": {"run_id": "r1"}}, {}, {"run_id": "gone"})):
            points = [{"key": "val/loss", "value": number + step / 10, "step": step} for step in range(3)]
            place.way.log_batch(TASK, MODEL, f"r{number}", metrics=points, params={"lr": number})
            place.way.register(TASK, MODEL, str(number), place.source(), metadata)
        place.way.log_metric(TASK, MODEL, "r1", "val/loss", 9.0, step=3)

        def curve(version: str) -> list[tuple[float, int]]:
            history = place.way.metrics(TASK, f"{MODEL}@{version}")["run_history"]
            assert history.keys() <= {"val/loss"}
            return [(point["value"], point["step"]) for point in history.get("val/loss", [])]

        assert curve("0") == [(0, 0), (0.1, 1), (0.2, 2)]
        assert curve("1") == [(1, 0), (1.1, 1), (1.2, 2), (9.0, 3)]
        assert curve("2") == curve("3") == []
        compared = place.way.compare(TASK, MODEL, ["0", "1", "2"])
        assert {version: facts["params"] for version, facts in compared["versions"].items()} == {
            "0": {"lr": 0},
            "1": {"lr": 1},
            "2": {},
        }
        assert compared["diff"]["params"] == {"lr": {"0": 0, "1": 1, "2": None}}

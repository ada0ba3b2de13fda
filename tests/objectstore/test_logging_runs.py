"""Many processes log to one run in a bucket, and some are killed: what was acknowledged is there, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from registry_core import StorageUnavailable
from registry_core.storage.object_store import bucket

from ..support.logging_runs import MODEL, RUN, TASK, Killed, Loggers
from ..support.proxy import Fault, faulty_proxy
from ..support.seaweed import Seaweed, environment


def loggers(seaweed: Seaweed, writers: int, batches: int) -> Loggers:
    return Loggers(seaweed.new_root(), seaweed.env, writers, batches)


@pytest.fixture(autouse=True)
def _environment(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)


def told_after_folding(some: Loggers) -> None:
    """Folded or not, the run is told as it was."""
    before = some.registry().run(TASK, MODEL, RUN)
    some.registry().end_run(TASK, MODEL, RUN)
    some.registry().sweep()
    after = some.registry().run(TASK, MODEL, RUN)
    assert (after.metric_history, after.params) == (before.metric_history, before.params)


def test_eight_processes_log_to_one_run_and_every_point_is_there(seaweed: Seaweed) -> None:
    eight = loggers(seaweed, 8, 25)
    eight.judge(eight.run())
    told_after_folding(eight)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_eight_processes_log_a_thousand_batches_each(seaweed: Seaweed) -> None:
    eight = loggers(seaweed, 8, 1000)
    eight.judge(eight.run())
    told_after_folding(eight)


def test_what_was_acknowledged_is_there_after_a_kill(seaweed: Seaweed) -> None:
    one = loggers(seaweed, 1, 0)
    known = Killed(one).run(20)
    told = one.registry().run(TASK, MODEL, RUN)
    for key in ("train/loss", "val/loss"):
        steps = [point["step"] for point in told.metric_history[key]]
        assert steps[:known] == list(range(known))
        assert len(steps) <= known + 1
    assert told.warnings == []


def test_a_lost_answer_doubles_no_point_and_a_store_that_stays_away_says_what_is_not_known(
    seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty_proxy(seaweed.endpoint) as proxy:
        root = seaweed.new_root()
        registry = Loggers(root, environment(proxy.url), 1, 1).registry()
        registry.log_metric(TASK, MODEL, RUN, "loss", 1)
        lost = proxy.add(Fault.LOSE_REPLY, method="PUT", key="/batches/", times=1)
        registry.log_metric(TASK, MODEL, RUN, "loss", 2)
        assert lost.struck == 1
        monkeypatch.setattr(bucket, "DEADLINE", timedelta(seconds=0.5))
        proxy.add(Fault.RESET, method="PUT", key="/batches/")
        away = Loggers(root, environment(proxy.url), 1, 1).registry()
        with pytest.raises(StorageUnavailable) as refused:
            away.log_metric(TASK, MODEL, RUN, "loss", 3)
        assert refused.value.detail["committed"] is None
        proxy.clear()
        assert [point["value"] for point in away.run(TASK, MODEL, RUN).metric_history["loss"]] == [1, 2]

"""Many processes log to one run on a filesystem, and some are killed: what was acknowledged is there, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.logging_runs import MODEL, RUN, TASK, Killed, Loggers


def loggers(root: Path, writers: int, batches: int) -> Loggers:
    root.mkdir(exist_ok=True)
    return Loggers(str(root), {}, writers, batches)


def test_eight_processes_log_to_one_run_and_every_point_is_there(tmp_path: Path) -> None:
    eight = loggers(tmp_path / "root", 8, 100)
    eight.judge(eight.run())
    assert eight.registry().check().findings == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_eight_processes_log_a_thousand_batches_each(tmp_path: Path) -> None:
    eight = loggers(tmp_path / "root", 8, 1000)
    eight.judge(eight.run())


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    """Each goes on where the one before was killed; what it left torn hinders nobody."""
    one = loggers(tmp_path / "root", 1, 0)
    calls: list[int] = []
    for after in (1, 7, 40):
        calls.append(Killed(one).run(after))
        told = one.registry().run(TASK, MODEL, RUN)
        for key in ("train/loss", "val/loss"):
            points = [point["step"] for point in told.metric_history[key]]
            written = [range(acknowledged) for acknowledged in calls]
            assert points.count(0) == len(calls)
            assert len(points) <= sum(map(len, written)) + len(calls)  # the call that died may be there too
            for step in range(max(calls)):
                assert points.count(step) >= sum(step in steps for steps in written)
    metrics = tmp_path / "root" / f"tasks/{TASK}/models/{MODEL}/runs/{RUN}/metrics"
    assert len(list(metrics.iterdir())) == 2

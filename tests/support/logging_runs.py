"""Processes that log to one training run, each as a trainer of its own would."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry_core import CoreSettings, ModelRegistry, RunDetail

TASK, MODEL, RUN = "celltype", "pbmc", "run-17"
TIMEOUT_S = 600.0
_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Loggers:
    """``writers`` processes that log ``batches`` batches each, of two metrics all write to and one of their own."""

    root: str
    env: Mapping[str, str]
    writers: int
    batches: int

    def run(self) -> RunDetail:
        """All log at once; what is told of the run then."""
        together = _context.Barrier(self.writers, timeout=TIMEOUT_S)
        processes = [_context.Process(target=self._log, args=(number, together)) for number in range(self.writers)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(TIMEOUT_S)
            assert process.exitcode == 0
        return self.registry().run(TASK, MODEL, RUN)

    def registry(self) -> ModelRegistry:
        os.environ.update(self.env)
        return ModelRegistry.open(
            settings=CoreSettings.from_env({**self.env, "OMNIBIOAI_MODEL_REGISTRY_ROOT": self.root})
        )

    def judge(self, told: RunDetail) -> None:
        """Every point is there once, each writer's in its order, and so is every writer's parameter."""
        assert told.warnings == []
        expected = Counter((writer, batch) for writer in range(self.writers) for batch in range(self.batches))
        for key in ("train/loss", "val/loss"):
            points = [(int(point["value"]), point["step"]) for point in told.metric_history[key]]
            assert Counter(points) == expected
            for writer in range(self.writers):
                assert [step for who, step in points if who == writer] == list(range(self.batches))
        for writer in range(self.writers):
            steps = [point["step"] for point in told.metric_history[f"gpu {writer}"]]
            assert steps == list(range(self.batches))
        assert told.params == {f"seed {writer}": writer for writer in range(self.writers)}

    def _log(self, writer: int, together: Any) -> None:
        registry = self.registry()
        together.wait()
        for batch in range(self.batches):
            keys = ("train/loss", "val/loss", f"gpu {writer}")
            points = [{"key": key, "value": writer, "step": batch} for key in keys]
            params = {f"seed {writer}": writer} if batch == 0 else None
            registry.log_batch(TASK, MODEL, RUN, metrics=points, params=params)


@dataclass(frozen=True)
class Killed:
    """A process that logs on and on, tells of each answer, and is killed in the middle of it."""

    loggers: Loggers

    def run(self, after: int) -> int:
        """How many calls were acknowledged before the kill; at least ``after`` were."""
        receiving, sending = _context.Pipe(duplex=False)
        process = _context.Process(target=self._log, args=(sending,))
        process.start()
        sending.close()
        known = 0
        try:
            while True:
                known = max(known, receiving.recv())
                if known == after:
                    process.kill()
        except EOFError:
            process.join(TIMEOUT_S)
        assert process.exitcode == -signal.SIGKILL
        return known

    def _log(self, sending: Any) -> None:
        registry = self.loggers.registry()
        step = 0
        while True:
            keys = ("train/loss", "val/loss")
            registry.log_batch(TASK, MODEL, RUN, metrics=[{"key": key, "value": 0.5, "step": step} for key in keys])
            step += 1
            sending.send(step)

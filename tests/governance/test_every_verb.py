"""Random sequences of every verb on an object store, and the past of every model at every moment it has had.

The rules and the machine are those of ``tests/core``; there they run on memory and on a filesystem.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from registry_core.format.layout import is_package
from registry_core.storage import Storage
from registry_core.storage.contract import StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

from ..core import test_model_of_rules as machines
from ..core.test_model_of_rules import Machine, OnFilesystem, OnMemory
from ..support.machine import remove_tree
from ..support.seaweed import REGION, Seaweed

TICK = timedelta(microseconds=1)


class Past(Machine):
    """Mixin: at the end everything is asked of every moment at which something happened, and of the one before."""

    def teardown(self) -> None:
        try:
            for (task, model_name), model in self.rules.models.items():
                selectors = {*model.versions, *(line["alias"] for line in model.events if line["alias"])}
                for line in model.events:
                    for moment in (
                        datetime.fromisoformat(line["ts_utc"]),
                        datetime.fromisoformat(line["ts_utc"]) - TICK,
                    ):
                        for selector in sorted(selectors):
                            self.ask_then(task, f"{model_name}@{selector}", moment)
        finally:
            super().teardown()

    def ask_then(self, task: str, ref: str, moment: datetime) -> None:
        text = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        expected = self.rules.resolve(task, ref, text)
        self.compare(self.ask(lambda: self.registry.resolve(task, ref, as_of=moment, verify=False), expected), expected)
        expected = self.rules.show(task, ref, text)
        self.compare(self.ask(lambda: self.registry.show(task, ref, as_of=text), expected), expected)


class PastOnMemory(Past, OnMemory):
    pass


class PastOnFilesystem(Past, OnFilesystem):
    pass


class PastOnObjectStore(Past):
    server: ClassVar[Seaweed]

    def make_storage(self) -> tuple[Storage, Path | None]:
        options = StorageOptions(endpoint=self.server.endpoint, region=REGION)
        return ObjectStorage(self.server.new_root(), options, is_package), None


@pytest.fixture(autouse=True)
def sources() -> Iterator[None]:
    Machine.sources = machines._sources()
    yield
    remove_tree(Machine.sources)


def run(machine: type[Machine], examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_every_moment_of_the_past_in_memory() -> None:
    run(PastOnMemory, 25, 30)


def test_every_moment_of_the_past_on_a_filesystem() -> None:
    run(PastOnFilesystem, 6, 30)


def test_every_verb_on_an_object_store(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(seaweed, monkeypatch)
    run(PastOnObjectStore, 4, 15)


@pytest.mark.slow
def test_every_verb_for_longer(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(seaweed, monkeypatch)
    machine: Any
    for machine, examples in ((PastOnMemory, 300), (PastOnFilesystem, 60), (PastOnObjectStore, 20)):
        run(machine, examples, 40)


def _use(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    PastOnObjectStore.server = seaweed
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)

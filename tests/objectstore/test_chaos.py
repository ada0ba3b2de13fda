"""Replicas and their store are killed under load, and nothing that was acknowledged is lost or told twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry

from ..support.seaweed import Seaweed, s3_client, seaweed
from ..support.servers import Server, gunicorn
from .judge import gather, judge
from .workload import Workload


class Fleet:
    """Replicas of one registry, and where they can be reached now."""

    def __init__(self, root: str, env: dict[str, str], count: int, stack: ExitStack) -> None:
        self._root, self._env = root, env
        self._replicas: list[Server] = []
        self._all: list[Server] = []
        self._stack = stack
        for _ in range(count):
            self._replicas.append(self._start())

    def _start(self) -> Server:
        replica = self._stack.enter_context(gunicorn(self._root, env=self._env, workers=1, threads=16))
        self._all.append(replica)
        return replica

    def urls(self) -> list[str]:
        return [replica.url for replica in self._replicas]

    def kill(self, *numbers: int) -> None:
        """Those replicas end by SIGKILL."""
        for number in numbers:
            self._replicas[number].kill()

    def replace(self, *numbers: int) -> None:
        """Those replicas end by SIGKILL, and others take their place."""
        self.kill(*numbers)
        for number in numbers:
            self._replicas[number] = self._start()

    def tracebacks(self) -> list[str]:
        """What any replica ever met that it had no answer for."""
        return [line["exc_info"] for replica in self._all for line in replica.log if "exc_info" in line]


@contextmanager
def fleet(root: str, env: dict[str, str], count: int) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(root, env, count, stack)


@pytest.fixture
def store() -> Iterator[Seaweed]:
    """A store of this test's own, for it will be killed."""
    with seaweed() as server:
        yield server


def power_cut(store: Seaweed) -> None:
    store.kill()
    store.start()


def survive(
    store: Seaweed,
    sources: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    replicas: int,
    clients: int,
    operations: int,
    disturbances: Callable[[Fleet], list[tuple[int, Callable[[], None]]]],
) -> None:
    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    root = store.new_root()
    with fleet(root, store.env, replicas) as running:
        workload = Workload(running.urls, sources, clients=clients, operations=operations, seed=1)
        board = workload.run(disturbances(running))
        running.kill(*range(replicas))
        tracebacks = running.tracebacks()
    print(dict(sorted(board.answers.items())))
    registry = ModelRegistry.open(settings=CoreSettings.from_env({"OMNIBIOAI_MODEL_REGISTRY_ROOT": root, **store.env}))
    evidence = gather(registry, s3_client(store.endpoint), root)
    faults = board.complaints + judge(evidence, board.changes)
    assert not faults, "\n".join(faults)
    assert tracebacks == []
    assert board.done == operations
    assert len(evidence.pointers) > operations / 40, "too little was done to prove anything"


def test_killed_replicas_and_a_killed_store_lose_nothing(
    store: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survive(
        store,
        tmp_path,
        monkeypatch,
        replicas=2,
        clients=8,
        operations=200,
        disturbances=lambda running: [(60, lambda: running.replace(0)), (130, lambda: power_cut(store))],
    )


@pytest.mark.slow
def test_four_replicas_thirty_two_clients_and_two_thousand_operations(
    store: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disturbances(running: Fleet) -> list[tuple[int, Callable[[], None]]]:
        def both() -> None:
            store.kill()
            running.kill(2)
            store.start()
            running.replace(2)

        return [
            (150, lambda: running.replace(0)),
            (400, lambda: power_cut(store)),
            (650, lambda: running.replace(1, 3)),
            (900, both),
            (1200, lambda: running.replace(0, 1, 2, 3)),
            (1500, lambda: power_cut(store)),
            (1750, lambda: running.replace(3)),
        ]

    survive(store, tmp_path, monkeypatch, replicas=4, clients=32, operations=2000, disturbances=disturbances)

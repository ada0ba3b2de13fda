"""Many writers want the same places at the same moment; afterwards every place is counted."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from registry_core.storage.contract import ABSENT, KeyNotFound, Match, PreconditionFailed, Storage

MODEL = "tasks/t/models/race"
LOG = f"{MODEL}/audit/promotions.jsonl"
COUNTER = "counter"
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Wins:
    """What one racer believes to have won: keys created, log places, steps of the counter."""

    racer: int
    created: list[str]
    places: list[int]
    steps: int


@dataclass(frozen=True)
class Race:
    """``racers`` each want ``turns`` keys that all want, and as many places in a log and steps of a counter."""

    racers: int
    turns: int

    def run(self, storage: Storage, racer: int) -> Wins:
        """One racer: creates what all create, appends and counts until it has had its turns."""
        me = json.dumps({"racer": racer}).encode()
        created = [key for key in map("keys/{}".format, range(self.turns)) if _creates(storage, key, me)]
        places: list[int] = []
        while len(places) < self.turns:
            with storage.documents.lock(MODEL, TIMEOUT_S):  # which keeps nobody out where there are no locks
                last = storage.documents.last(LOG)
                seq = last[0] + 1 if last else 1
                try:
                    storage.documents.append(LOG, me, seq)
                except PreconditionFailed:
                    continue
                places.append(seq)
        for step in range(self.turns):
            _count(storage, f"{racer}:{step}")
        return Wins(racer, created, places, self.turns)

    def judge(self, all_wins: list[Wins], storage: Storage) -> None:
        """Every key, place and step has exactly the winner who knows of it."""
        assert len(all_wins) == self.racers
        created = {key: wins.racer for wins in all_wins for key in wins.created}
        assert sum(len(wins.created) for wins in all_wins) == self.turns == len(created)
        for key, racer in created.items():
            assert json.loads(storage.documents.read(key).data) == {"racer": racer}
        places = {seq: wins.racer for wins in all_wins for seq in wins.places}
        found = {seq: json.loads(record)["racer"] for seq, record in storage.documents.records(LOG)}
        assert found == places
        assert sorted(found) == list(range(1, self.racers * self.turns + 1))
        steps = json.loads(storage.documents.read(COUNTER).data)
        assert Counter(steps) == Counter(
            f"{racer}:{step}" for racer in range(self.racers) for step in range(self.turns)
        )


def _creates(storage: Storage, key: str, data: bytes) -> bool:
    try:
        storage.documents.write(key, data, ABSENT)
    except PreconditionFailed:
        return False
    return True


def _count(storage: Storage, step: str) -> None:
    """The counter is a list of all steps, so that one told twice or lost is seen."""
    while True:
        try:
            now = storage.documents.read(COUNTER)
            steps, when = [*json.loads(now.data), step], Match(now.etag)
            storage.documents.write(COUNTER, json.dumps(steps).encode(), when)
        except KeyNotFound:
            if _creates(storage, COUNTER, json.dumps([step]).encode()):
                return
        except PreconditionFailed:
            continue
        else:
            return


def race_in_threads(opener: Callable[[], Storage], race: Race) -> list[Wins]:
    """All racers in this process, each with its own instance, begun together."""
    together = threading.Barrier(race.racers, timeout=TIMEOUT_S)

    def run(racer: int) -> Wins:
        storage = opener()
        together.wait()
        return race.run(storage, racer)

    with ThreadPoolExecutor(race.racers) as pool:
        return list(pool.map(run, range(race.racers)))


def race_in_processes(opener: Callable[[], Storage], race: Race) -> list[Wins]:
    """Each racer a process of its own, begun together. ``opener`` must be picklable."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(race.racers, timeout=TIMEOUT_S)
    answers = context.SimpleQueue()
    processes = [
        context.Process(target=_run_process, args=(opener, race, racer, together, answers))
        for racer in range(race.racers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT_S)
        assert process.exitcode == 0
    return [answers.get() for _ in processes]


def _run_process(opener: Callable[[], Storage], race: Race, racer: int, together: Any, answers: Any) -> None:
    storage = opener()
    together.wait()
    answers.put(race.run(storage, racer))

"""Trust and policies under SIGKILL at every step, 32 processes that set them at once, and replicas on both storages."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import PolicyMoved
from registry_core.evidence import rulebook, ruling
from registry_core.models.registry_journal import POLICIES, RegistryJournal, said_of_root
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.evidence.ruled import clear, policy_of, put_policy, put_trust, trust_of
from ..support.packages import open_registry
from . import forks, injection, raw
from .test_kill import at_each

RACERS = 32


def journal_of(root: Path) -> RegistryJournal:
    return RegistryJournal(FilesystemStorage(root), 60.0, open_registry(root)._identity.before_change)


def storage(root: Path) -> FilesystemStorage:
    return FilesystemStorage(root)


# name -> (what stands before it, the change)
CHANGES: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "first trust": (lambda root: None, lambda root: put_trust(storage(root), trust_of("ada"))),
    "next trust": (
        lambda root: put_trust(storage(root), trust_of("ada")),
        lambda root: put_trust(storage(root), trust_of("bob")),
    ),
    "first policy": (lambda root: None, lambda root: put_policy(storage(root), policy_of())),
    "next policy": (
        lambda root: put_policy(storage(root), policy_of()),
        lambda root: put_policy(storage(root), policy_of(alias="staging")),
    ),
    "cleared policy": (lambda root: put_policy(storage(root), policy_of()), lambda root: clear(storage(root))),
}


def now(root: Path) -> tuple[int, list[str], list[str]]:
    """(events, who is trusted, which aliases are guarded)."""
    rules = rulebook.read(RegistryJournal(storage(root), 1.0))
    guarded = [gate.alias for one in rules.policies for gate in one.document.gates]
    return rules.seq, sorted(rules.trust.people), guarded


def assert_whole(root: Path, *, finished: bool) -> None:
    severities = {finding.severity for finding in open_registry(root).check().findings}
    assert severities <= ({"note"} if finished else {"note", "pending"})


@injection.SWEEPS
@pytest.mark.parametrize("name", CHANGES)
def test_killed_anywhere_the_old_holds_or_the_new(area: Path, name: str, of: injection.Choice) -> None:
    before, change = CHANGES[name]
    template, root = area / "template", area / "root"
    template.mkdir()
    before(template)
    old = now(template)

    def fresh() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template, root)

    fresh()
    names = forks.run(lambda: injection.trace(lambda: change(root))).get()
    new = now(root)

    def check(point: injection.Point) -> None:
        fresh()
        outcome = forks.run(injection.killed_at(point, lambda: change(root)))
        assert outcome.signal == signal.SIGKILL, f"not killed, but: {outcome}"
        tree = raw.tree(root, times=True)
        is_made = now(root)[0] > old[0]
        assert now(root) == (new if is_made else old)
        assert_whole(root, finished=False)
        assert raw.tree(root, times=True) == tree, "reading changed something"
        open_registry(root).recover()
        assert_whole(root, finished=True)
        has_policy = "policy" in name and (is_made or old[0] > 0)
        assert (POLICIES in said_of_root(storage(root))) is has_policy
        if not (is_made and name == "cleared policy"):
            change(root)  # again, as whoever had no answer would
        assert now(root) == new
        open_registry(root).sweep(older_than_s=0)
        assert raw.staging(root) == []
        assert_whole(root, finished=True)

    points = injection.points(names)
    assert len(points) >= 30
    at_each(of(points), check)


def test_of_32_processes_that_expect_one_policy_one_replaces_it(area: Path) -> None:
    root = area / "root"
    root.mkdir()
    first = put_policy(storage(root), policy_of())

    def replace(number: int) -> Callable[[], Any]:
        journal = journal_of(root)
        data = policy_of(alias=f"a{number}")
        return lambda: ruling.set_policy(journal, "celltype", data, expected_seq=first, words=(None, None))

    outcomes = forks.race([replace(number) for number in range(RACERS)])
    (won,) = [number for number, outcome in enumerate(outcomes) if outcome.error is None]
    assert all(isinstance(outcome.error, PolicyMoved) for outcome in outcomes if outcome.error is not None)
    assert now(root) == (2, [], [f"a{won}"])
    assert_whole(root, finished=True)


def test_32_processes_set_trust_and_policies_and_read_what_holds(area: Path) -> None:
    root = area / "root"
    root.mkdir()

    def work(number: int) -> Callable[[], int]:
        def act() -> int:
            journal, task, seen = journal_of(root), f"t{number}", 0
            for turn in range(3):
                data = policy_of(task, f"a{turn}")
                ruling.set_policy(journal, task, data, expected_seq=None, words=(None, None))
                ruling.set_trust(journal, trust_of(f"p{number}"), expected_seq=None, words=(None, None))
                rules = rulebook.read(journal)
                assert rules.seq >= seen
                seen = rules.seq
                assert [gate.alias for one in rules.of(task) for gate in one.document.gates] == [f"a{turn}"]
            return seen

        return act

    for outcome in forks.race([work(number) for number in range(RACERS)]):
        outcome.get()
    events, people, guarded = now(root)
    assert len(guarded) == RACERS
    assert set(guarded) == {"a2"}
    assert len(people) == 1
    assert events >= 3 * RACERS
    assert_whole(root, finished=True)

"""I7: one winner, and no event lost or torn, whoever comes at the same moment.

All processes of a race stand behind one gate; orders are made by pipes and signals, never by time.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    UNSET,
    AliasMoved,
    GateNotMet,
    LockTimeout,
    Registration,
    StorageUnavailable,
    VersionExists,
)
from registry_core.models.changes import Draft, change
from registry_core.models.model import ModelStore
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..support.packages import open_registry
from . import injection, raw
from .forks import Child, Outcome, race

TASK, MODEL = "celltype", "pbmc"


def register(root: Path, source: Path, version: str, model: str = MODEL, **options: Any) -> Registration:
    return open_registry(root, workers=2).register(TASK, model, version, source, **options)


def model_of(root: Path, model: str = MODEL) -> Path:
    return root / "tasks" / TASK / "models" / model


def assert_clean(root: Path) -> None:
    assert open_registry(root).check().findings == []
    assert raw.staging(root) == []


def test_32_processes_register_the_same_version(root: Path, source: Path) -> None:
    works = [partial(register, root, source, "1", actor=f"job {n}") for n in range(32)]
    outcomes = race(works)
    winners = [n for n, outcome in enumerate(outcomes) if outcome.error is None]
    assert len(winners) == 1
    won = outcomes[winners[0]].get()
    for outcome in outcomes:
        if outcome.value is None:
            assert isinstance(outcome.error, VersionExists), outcome.error
            assert outcome.error.detail["same_content"] is True
            assert outcome.error.detail["existing"] == {
                "package_digest": won.package_digest,
                "created_at": won.created_at,
                "actor": f"job {winners[0]}",
            }
    [event] = raw.events(model_of(root))
    assert event["actor"] == f"job {winners[0]}"
    assert raw.facts(model_of(root)).versions == {"1"}
    assert_clean(root)


def test_32_processes_register_other_bytes_under_one_name(area: Path, root: Path) -> None:
    """The losers are told that theirs are other bytes, and the winner's are what stands there."""
    works = []
    for n in range(32):
        made = area / f"source-{n}"
        made.mkdir()
        (made / "model.pt").write_text(f"weights of job {n}")
        works.append(partial(register, root, made, "1"))
    outcomes = race(works)
    [winner] = [n for n, outcome in enumerate(outcomes) if outcome.error is None]
    for outcome in outcomes[:winner] + outcomes[winner + 1 :]:
        assert isinstance(outcome.error, VersionExists), outcome.error
        assert outcome.error.detail["same_content"] is False
    kept = model_of(root) / "versions" / "1" / "model.pt"
    assert kept.read_text() == f"weights of job {winner}"
    assert_clean(root)


def test_32_processes_send_one_request_with_its_idempotency_key(root: Path, source: Path) -> None:
    """A client that repeats itself gets one registration, and the same answer to each of its tries."""
    outcomes = race([partial(register, root, source, "1", idempotency_key="run 17")] * 32)
    answers = [outcome.get() for outcome in outcomes]
    assert all(answer == answers[0] for answer in answers)
    assert len(raw.events(model_of(root))) == 1
    assert_clean(root)


def test_32_processes_register_versions_of_one_new_model(root: Path, source: Path) -> None:
    outcomes = race([partial(register, root, source, str(n)) for n in range(32)])
    digests = {outcome.get().version: outcome.get().package_digest for outcome in outcomes}
    facts = raw.facts(model_of(root))
    assert facts.versions == digests.keys() == {str(n) for n in range(32)}
    events = raw.events(model_of(root))
    assert {event["version"]: event["package_digest"] for event in events} == digests
    assert facts.aliases == {"latest": events[-1]["version"]}
    assert [event["previous_version"] for event in events] == [None, *(event["version"] for event in events[:-1])]
    assert_clean(root)


def test_two_new_models_at_once(root: Path, source: Path) -> None:
    """Sixteen new models of a registry that has never been written to, two processes for each."""
    works = [partial(register, root, source, version, f"model-{n}") for n in range(16) for version in ("1", "2")]
    for outcome in race(works):
        outcome.get()
    for n in range(16):
        assert raw.facts(model_of(root, f"model-{n}")).versions == {"1", "2"}
    assert (root / "registry.json").is_file()
    assert_clean(root)


def promote(root: Path, version: str, expected: Any, actor: str) -> Any:
    return open_registry(root).promote(TASK, MODEL, "production", version, actor=actor, expected_version=expected)


def assert_promotions(root: Path, winners: list[Any], actors: list[str]) -> None:
    """Exactly the winners' events are in the journal, and the alias is where the last of them put it."""
    events = [event for event in raw.events(model_of(root)) if event["event"] == "promote"]
    assert sorted(event["actor"] for event in events) == sorted(actors)
    assert [event["seq"] for event in events] == sorted(winner.seq for winner in winners)
    before = None
    for event in events:
        assert event["previous_version"] == before
        before = event["version"]
    assert raw.facts(model_of(root)).aliases["production"] == events[-1]["version"]
    times = [event["ts_utc"] for event in raw.events(model_of(root))]
    assert times == sorted(set(times))
    assert_clean(root)


def test_64_processes_promote_expecting_the_same(root: Path, source: Path) -> None:
    for n in range(8):
        register(root, source, str(n))
    outcomes = race([partial(promote, root, str(n % 8), None, f"reviewer {n}") for n in range(64)])
    winners = [n for n, outcome in enumerate(outcomes) if outcome.error is None]
    assert len(winners) == 1
    for outcome in outcomes:
        if outcome.value is None:
            assert isinstance(outcome.error, AliasMoved), outcome.error
            assert outcome.error.detail["actual_version"] == str(winners[0] % 8)
    assert_promotions(root, [outcomes[winners[0]].get()], [f"reviewer {winners[0]}"])


def test_64_processes_promote_by_compare_and_swap_until_they_win(root: Path, source: Path) -> None:
    """Each reads the alias and moves it from there to its own version, as often as it takes."""
    for n in range(8):
        register(root, source, str(n))

    def until_won(n: int) -> tuple[Any, int]:
        registry, lost = open_registry(root), 0
        while True:
            now = {alias.alias: alias.version for alias in registry.list_aliases(TASK, MODEL)}.get("production")
            try:
                won = registry.promote(
                    TASK, MODEL, "production", str(n % 8), actor=f"reviewer {n}", expected_version=now
                )
            except AliasMoved:
                lost += 1
            else:
                return won, lost

    results = [outcome.get() for outcome in race([partial(until_won, n) for n in range(64)])]
    assert_promotions(root, [won for won, _ in results], [f"reviewer {n}" for n in range(64)])
    assert sum(lost for _, lost in results) > 0, "the race was none"


def test_64_processes_promote_whatever_is_there(root: Path, source: Path) -> None:
    for n in range(8):
        register(root, source, str(n))
    outcomes = race([partial(promote, root, str(n % 8), UNSET, f"reviewer {n}") for n in range(64)])
    assert_promotions(root, [outcome.get() for outcome in outcomes], [f"reviewer {n}" for n in range(64)])


def _promote_if_it_may(root: Path, n: int) -> None:
    with suppress(GateNotMet):
        promote(root, str(n % 2), UNSET, f"reviewer {n}")


def _find(root: Path) -> int:
    model = ModelStore(FilesystemStorage(root), TASK, MODEL, 60.0)
    found = {"severity": "blocking", "title": "it is wrong", "url": None}
    made: Any = change(model, lambda: None, lambda _: Draft("finding", "0", "ada", None, own={"finding": found}))
    return int(made.event["seq"])


def test_64_processes_promote_against_one_blocking_finding(root: Path, source: Path) -> None:
    """Whichever of them was before it stands; none of that version comes after it."""
    for n in range(2):
        register(root, source, str(n))
    gate = {"alias": "production", "require": [{"id": "sound", "findings": {"none_of": ["blocking"]}}]}
    open_registry(root).set_policy(TASK, {"schema": "omr-policy/1", "task": TASK, "gates": [gate]})
    outcomes = race([*(partial(_promote_if_it_may, root, n) for n in range(64)), partial(_find, root)])
    finding = [outcome.get() for outcome in outcomes][-1]
    events = open_registry(root).history(TASK, MODEL, limit=1000).events
    moves = [event for event in events if event.event == "promote"]
    assert all(event.gate is not None and event.gate["met"] for event in moves)
    assert not [event for event in moves if event.seq > finding and event.version == "0"]
    assert len(moves) >= 32, "those of the other version pass"
    assert open_registry(root).audit_gates(TASK, MODEL).faults == []


def test_readers_never_see_a_mix_while_an_alias_moves(root: Path, source: Path) -> None:
    for n in range(4):
        register(root, source, str(n), set_alias="production" if n == 0 else None)

    def write(n: int) -> None:
        for turn in range(25):
            open_registry(root).promote(TASK, MODEL, "production", str((n + turn) % 4))

    def read() -> set[str]:
        registry, seen = open_registry(root), set()
        for _ in range(60):
            found = registry.resolve(TASK, f"{MODEL}@production", verify=False)
            assert found.path.endswith("/" + found.version)
            assert registry.check().is_clean
            seqs = [event.seq for event in registry.history(TASK, MODEL, limit=1000).events]
            assert seqs == list(range(1, len(seqs) + 1))
            seen.add(found.version)
        return seen

    for outcome in race([partial(write, 0), partial(write, 1), read, read]):
        outcome.get()
    assert_clean(root)


def test_a_check_sees_no_damage_while_versions_are_registered(root: Path, source: Path) -> None:
    def write(job: int) -> None:
        for n in range(12):
            register(root, source, f"{job}.{n}")

    def check() -> None:
        registry = open_registry(root)
        while registry.check().events < 24:
            report = registry.check()
            assert report.is_clean, report.findings

    for outcome in race([partial(write, 0), partial(write, 1), check]):
        outcome.get()
    assert_clean(root)


def test_an_alias_moves_and_its_old_version_goes_while_it_is_resolved(root: Path, source: Path) -> None:
    """Between reading the alias and looking for the version: the reader gets the new version, not an error."""
    register(root, source, "1", set_alias="production")
    register(root, source, "2", set_alias=None)

    def resolve() -> tuple[str, bool]:
        moved = False

        def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            nonlocal moved
            if name == "FilesystemPackages.locate" and not moved:
                moved = True
                open_registry(root).promote(TASK, MODEL, "production", "2")
                (model_of(root) / "versions" / "1").rename(root.parent / "gone")
            return real(*args, **kwargs)

        injection.install(hook)
        return open_registry(root).resolve(TASK, f"{MODEL}@production").version, moved

    assert race([resolve])[0].get() == ("2", True)


# against a sweep that takes everything it may


def sweep_until_told(root: Path, told: int) -> int:
    """Sweeps with no regard for age until the pipe closes. Returns how often."""
    registry, rounds = open_registry(root), 0
    os.set_blocking(told, False)
    while True:
        registry.sweep(older_than_s=0)
        rounds += 1
        try:
            if os.read(told, 1) == b"":
                return rounds
        except BlockingIOError:
            pass


def beside_a_sweep(root: Path, works: list[Callable[[], Any]]) -> list[Outcome]:
    told, tell = os.pipe()
    sweepers = [Child(partial(sweep_until_told, root, told), close=(tell,)) for _ in range(2)]
    children = [Child(work, close=(tell, told)) for work in works]
    outcomes = [child.join() for child in children]
    os.close(tell)
    os.close(told)
    assert all(sweeper.join().get() > 0 for sweeper in sweepers)
    return outcomes


def persistently(work: Callable[[], Any]) -> Any:
    """The work, again where a sweep was quicker than the first step and the caller was told to try again."""
    while True:
        try:
            return work()
        except StorageUnavailable as error:
            if error.detail.get("committed") or "retry_after_s" not in error.detail:
                raise


def test_a_sweep_never_takes_a_live_or_committed_attempt(root: Path, source: Path) -> None:
    def register_many(job: int) -> list[str]:
        made = []
        for n in range(12):
            version = f"{job}.{n}"
            made.append(persistently(partial(register, root, source, version)).version)
        return made

    outcomes = beside_a_sweep(root, [partial(register_many, job) for job in range(3)])
    made = [version for outcome in outcomes for version in outcome.get()]
    assert len(made) == 36
    assert raw.facts(model_of(root)).versions == set(made)
    assert len(raw.events(model_of(root))) == 36
    assert_clean(root)


def test_a_sweep_never_takes_the_draft_of_a_running_promote(root: Path, source: Path) -> None:
    register(root, source, "1")
    register(root, source, "2")

    def promote_many(job: int) -> None:
        for n in range(60):
            open_registry(root).promote(TASK, MODEL, f"alias-{job}", str(1 + n % 2))

    for outcome in beside_a_sweep(root, [partial(promote_many, job) for job in range(2)]):
        outcome.get()
    assert len(raw.events(model_of(root))) == 2 + 120
    assert_clean(root)


# a holder that dies


def stopped_before_the_append(root: Path, source: Path, tell: int, go_on: int) -> None:
    """A registration that holds the model's lock, says so, and waits; it is killed while it waits."""

    def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name == "FilesystemDocuments.append":
            os.close(tell)
            os.read(go_on, 1)
        return real(*args, **kwargs)

    injection.install(hook)
    open_registry(root).register(TASK, MODEL, "2", source)


def test_the_next_one_takes_over_from_a_killed_holder(root: Path, source: Path) -> None:
    register(root, source, "1")
    for _ in range(3):
        told, tell = os.pipe()
        go_on, never = os.pipe()
        holder = Child(partial(stopped_before_the_append, root, source, tell, go_on), close=(told, never))
        os.close(tell)
        os.close(go_on)
        assert os.read(told, 1) == b""  # it holds the lock now

        impatient = open_registry(root, lock_timeout_s=0)
        before = raw.tree(root)
        with pytest.raises(LockTimeout) as caught:
            impatient.promote(TASK, MODEL, "production", "1")
        assert caught.value.detail["retry_after_s"] >= 1
        assert raw.tree(root) == before
        assert impatient.resolve(TASK, f"{MODEL}@latest").version == "1"  # a reader takes no lock

        waiting = Child(partial(promote, root, "1", UNSET, "the next one"))
        holder.kill()
        assert holder.join().signal == signal.SIGKILL
        assert waiting.join().get().version == "1"
        os.close(told)
        os.close(never)
    assert raw.facts(model_of(root)).versions == {"1"}
    assert register(root, source, "2").version == "2"
    open_registry(root).sweep(older_than_s=0)
    assert_clean(root)


def test_a_lock_that_is_held_too_long_is_a_timeout(root: Path, source: Path) -> None:
    """Somebody else's plain flock on the model's lock file: registering gives up, with nothing left behind."""
    register(root, source, "1")
    with (model_of(root) / ".lock").open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        before = raw.tree(root)
        with pytest.raises(LockTimeout):
            open_registry(root, lock_timeout_s=0.05).register(TASK, MODEL, "2", source)
        assert raw.tree(root) == before
    assert register(root, source, "2").version == "2"
    assert_clean(root)

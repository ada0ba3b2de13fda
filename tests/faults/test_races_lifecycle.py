"""I7 for every verb that governs: no event is lost, one winner, and no alias ever names what is deleted.

The journal is judged by ``tests/governance/told.py``, which refuses a deletion of what is in use and an alias that
names what is not there, at every event and not only at the end.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from registry_core import (
    AliasMoved,
    AliasNotFound,
    ModelRegistry,
    NotFound,
    RegistryError,
    VersionExists,
    VersionInUse,
    VersionNotFound,
)

from ..governance import told
from ..support.old_registry import OldRegistry
from ..support.packages import open_registry
from . import raw
from .forks import Child, race
from .test_kill import model_of

TASK, MODEL = "celltype", "pbmc"
VERSIONS = [str(number) for number in range(6)]
ALIASES = ["production", "staging"]
TURNS = 6

Done = tuple[str, int]  # who did it, the event's number


def register(root: Path, source: Path, versions: list[str]) -> None:
    registry = open_registry(root)
    for version in versions:
        registry.register(TASK, MODEL, version, source, set_alias=None)


def assert_told(root: Path, before: int, done: list[Done], old: list[str] | None = None) -> told.Facts:
    """The journal holds what was there before and exactly what was acknowledged; the files show what it tells."""
    lines = told.events(model_of(root))
    assert sorted(done, key=lambda one: one[1]) == [
        (line["actor"], number) for number, line in enumerate(lines[before:], start=before + 1)
    ]
    times = [line["ts_utc"] for line in lines[before:]]
    assert times == sorted(set(times))
    facts = told.told(lines, old_versions=old or [])
    assert told.shown(model_of(root)).pieces() == facts.pieces()
    assert told.buried(model_of(root)) == {version for version, (_, kept) in facts.gone.items() if kept}
    assert raw.staging(root) == []
    assert [finding for finding in open_registry(root).check().findings if finding.severity != "note"] == []
    assert open_registry(root).audit_verify(TASK, MODEL).events == len(lines)
    return facts


def at_random(root: Path, number: int) -> list[Done]:
    """What one process did to the model; what it was refused must be something that another may have caused."""
    chance, registry, done = random.Random(number), open_registry(root), []
    actor = f"job {number}"
    for _ in range(TURNS):
        version, alias = chance.choice(VERSIONS), chance.choice(ALIASES)
        verbs: list[Callable[..., Any]] = [
            partial(registry.promote, TASK, MODEL, alias, version),
            partial(registry.stage, TASK, MODEL, version, alias),
            partial(registry.rollback, TASK, MODEL, alias),
            partial(registry.unalias, TASK, MODEL, alias),
            partial(registry.tag, TASK, MODEL, version, f"by {number}", version),
            partial(registry.stage, TASK, MODEL, version, "archived"),
            partial(registry.delete, TASK, MODEL, version),
            partial(registry.delete, TASK, MODEL, version),
            partial(registry.restore, TASK, MODEL, version),
            partial(registry.restore, TASK, MODEL, version),
        ]
        try:
            answer = chance.choice(verbs)(actor=actor, reason="raced")
        except (VersionNotFound, AliasNotFound, VersionInUse, VersionExists, AliasMoved):
            continue
        done.append((actor, answer.seq))
    return done


def test_32_processes_do_everything_to_one_model(root: Path, source: Path) -> None:
    register(root, source, VERSIONS)
    open_registry(root).promote(TASK, MODEL, "production", "0")
    before = len(told.events(model_of(root)))
    outcomes = race([partial(at_random, root, number) for number in range(32)])
    done = [one for outcome in outcomes for one in outcome.get()]
    assert len(done) > 32
    assert_told(root, before, done)


def test_a_delete_and_a_promote_of_one_version_exclude_each_other(root: Path, source: Path) -> None:
    """Sixteen versions, and for each one who deletes it and one who promotes it."""
    versions = [str(number) for number in range(16)]
    register(root, source, versions)

    def delete(version: str) -> int | None:
        return open_registry(root).delete(TASK, MODEL, version, actor=f"delete {version}", reason="raced").seq

    def promote(version: str) -> int | None:
        return open_registry(root).promote(TASK, MODEL, f"alias-{version}", version, actor=f"promote {version}").seq

    works = [partial(verb, version) for version in versions for verb in (delete, promote)]
    outcomes = race(works)
    done = []
    for number, version in enumerate(versions):
        deleted, promoted = outcomes[2 * number], outcomes[2 * number + 1]
        if deleted.error is None:
            assert isinstance(promoted.error, VersionNotFound), promoted
            done.append((f"delete {version}", deleted.get()))
        else:
            assert isinstance(deleted.error, VersionInUse), deleted
            done.append((f"promote {version}", promoted.get()))
    facts = assert_told(root, 16, done)
    assert set(facts.aliases.values()) == facts.versions


def test_32_processes_tag_one_version_and_no_tag_is_lost(root: Path, source: Path) -> None:
    register(root, source, ["1"])

    def tag(number: int) -> list[Done]:
        registry, actor = open_registry(root), f"job {number}"
        own = registry.tag(TASK, MODEL, "1", f"of {number}", number, actor=actor)
        common = registry.patch(TASK, MODEL, "1", tags={"common": number}, description=actor, actor=actor)
        assert own.seq is not None
        assert common.seq is not None
        return [(actor, own.seq), (actor, common.seq)]

    done = [one for outcome in race([partial(tag, number) for number in range(32)]) for one in outcome.get()]
    assert_told(root, 1, done)
    shown = open_registry(root).show(TASK, f"{MODEL}@1")
    last = next(line for line in reversed(told.events(model_of(root))) if line["event"] == "patch")
    assert shown.tags == {"common": last["set"]["tags"]["common"], **{f"of {n}": n for n in range(32)}}
    assert shown.description == last["actor"]


def test_one_of_32_restores_a_version(root: Path, source: Path) -> None:
    register(root, source, ["1"])
    open_registry(root).delete(TASK, MODEL, "1", reason="raced")
    works = [partial(open_registry(root).restore, TASK, MODEL, "1", actor=f"job {n}") for n in range(32)]
    outcomes = race(works)
    winners = [n for n, outcome in enumerate(outcomes) if outcome.error is None]
    assert len(winners) == 1
    assert all(isinstance(outcome.error, VersionExists) for outcome in outcomes if outcome.error is not None)
    assert_told(root, 2, [(f"job {winners[0]}", outcomes[winners[0]].get().seq)])
    assert open_registry(root).verify(TASK, f"{MODEL}@1").files_checked == 4


def test_a_version_is_restored_or_purged_and_never_both(root: Path, source: Path) -> None:
    versions = [str(number) for number in range(16)]
    register(root, source, versions)
    for version in versions:
        open_registry(root).delete(TASK, MODEL, version, reason="raced")

    def restore(version: str) -> Any:
        return open_registry(root).restore(TASK, MODEL, version, actor=f"restore {version}")

    def purge(number: int) -> list[str]:
        return open_registry(root).purge(0, actor=f"purge {number}").purged

    outcomes = race([*(partial(restore, version) for version in versions), *(partial(purge, n) for n in range(4))])
    for outcome in outcomes[:16]:
        assert outcome.error is None or isinstance(outcome.error, VersionNotFound), outcome
    for outcome in outcomes[16:]:
        outcome.get()
    lines = told.events(model_of(root))
    ends = [line["version"] for line in lines[32:]]
    assert sorted(ends) == sorted(versions)  # one end each
    restored = {version for version, outcome in zip(versions, outcomes[:16], strict=True) if outcome.error is None}
    facts = assert_told(root, 32, [(line["actor"], line["seq"]) for line in lines[32:]])
    assert facts.versions == restored
    for version in restored:
        assert open_registry(root).verify(TASK, f"{MODEL}@{version}").files_checked == 4


def test_each_version_is_adopted_once(root: Path) -> None:
    versions = [str(number) for number in range(6)]
    for version in versions:
        OldRegistry(root).model(TASK, MODEL).version(version, alias=None)

    def adopt(number: int) -> None:
        report = open_registry(root).adopt(actor=f"job {number}")
        assert report.refused == []

    for outcome in race([partial(adopt, number) for number in range(8)]):
        outcome.get()
    lines = told.events(model_of(root))
    assert sorted(line["version"] for line in lines) == versions
    assert_told(root, 0, [(line["actor"], line["seq"]) for line in lines], versions)
    for version in versions:
        assert open_registry(root).verify(TASK, f"{MODEL}@{version}").warnings == []


def come_and_go(root: Path, told_by: int) -> int:
    """Deletes and restores a version until the pipe closes. Returns how often."""
    registry, rounds = open_registry(root), 0
    os.set_blocking(told_by, False)
    while True:
        registry.delete(TASK, MODEL, "1", reason="raced")
        registry.restore(TASK, MODEL, "1")
        rounds += 1
        try:
            if os.read(told_by, 1) == b"":
                return rounds
        except BlockingIOError:
            pass


def test_a_check_sees_no_damage_while_a_version_comes_and_goes(root: Path, source: Path) -> None:
    register(root, source, ["1", "2"])

    def check() -> None:
        for _ in range(25):
            report = open_registry(root).check()
            assert report.is_clean, report.findings

    assert beside_a_coming_and_going(root, [check]) == [None]


def beside_a_coming_and_going(root: Path, works: list[Callable[[], Any]]) -> list[Any]:
    told_by, tell = os.pipe()
    mover = Child(partial(come_and_go, root, told_by), close=(tell,))
    children = [Child(work, close=(tell, told_by)) for work in works]
    outcomes = [child.join() for child in children]
    os.close(tell)
    os.close(told_by)
    assert mover.join().get() > 0
    return [outcome.get() for outcome in outcomes]


def read(root: Path, verb: str) -> set[str]:
    """Whatever a reader is told while the version comes and goes."""
    registry: ModelRegistry = open_registry(root)
    heard = set()
    for _ in range(120):
        try:
            answer = getattr(registry, verb)(TASK, f"{MODEL}@1")
        except NotFound:
            heard.add("not found")
        except RegistryError as error:
            heard.add(error.code)
        else:
            heard.add("empty" if getattr(answer, "files", True) == [] else "found")
    return heard


def test_a_reader_finds_the_version_whole_or_not_at_all(root: Path, source: Path) -> None:
    register(root, source, ["1", "2"])
    verbs = ["resolve", "verify", "show", "artifacts", "metrics"]
    answers = beside_a_coming_and_going(root, [partial(read, root, verb) for verb in verbs])
    for verb, heard in zip(verbs, answers, strict=True):
        assert heard <= {"found", "not found"}, f"{verb}: {heard}"

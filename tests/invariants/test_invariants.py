"""Each invariant of ``docs/design.md`` has one test: short, real, readable. The sweeps behind it are named in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    AliasMoved,
    ArtifactsRefused,
    DigestMismatch,
    InvalidName,
    ModelRegistry,
    PackageCorrupt,
    Progress,
    RegistryError,
    VersionExists,
)

from ..faults import forks, injection, raw
from ..support.machine import MIB, memory_backed, remove_tree
from ..support.packages import open_registry, write_files, write_package

TASK, NAME = "celltype", "pbmc"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "root"
    made.mkdir()
    yield made
    remove_tree(made)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_package(tmp_path / "source")


def model_of(root: Path) -> Path:
    return root / "tasks" / TASK / "models" / NAME


def register(root: Path, version: str, source: Path, **more: Any) -> Path:
    return Path(open_registry(root).register(TASK, NAME, version, source, **more).package_path)


def as_before_the_rename(root: Path, version: str) -> None:
    """Undo what a crash right after the append would have left undone: the package is staged, not published."""
    [event] = [event for event in raw.events(model_of(root)) if event["version"] == version]
    attempt = root / ".staging" / event["attempt"]
    attempt.mkdir(parents=True, exist_ok=True)
    package = model_of(root) / "versions" / version
    package.chmod(0o755)
    package.rename(attempt / "package")


def test_I1_all_or_nothing(root: Path, source: Path) -> None:
    """Depth: tests/faults/test_kill.py kills at every storage call and at random times; test_full_disk.py."""
    register(root, "1", source)
    before = raw.facts(model_of(root))

    def die(_: Progress) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    killed = forks.run(lambda: open_registry(root).register(TASK, NAME, "2", source, progress=die))
    assert killed.signal == signal.SIGKILL
    assert raw.facts(model_of(root)) == before  # to somebody who lists the directory
    assert open_registry(root).resolve(TASK, f"{NAME}@latest").version == "1"
    register(root, "2", source)
    after = raw.facts(model_of(root))  # which proves that every version that is there is whole
    assert (after.versions, after.aliases) == ({"1", "2"}, {"latest": "2"})


def test_I2_write_once(root: Path, source: Path) -> None:
    """Depth: tests/faults/test_races.py; tests/contract; tests/core/test_model_of_rules.py."""
    package = register(root, "1", source)
    before = raw.tree(package, times=True)
    assert {oct(entry[0] & 0o777) for entry in before.values()} == {"0o444", "0o555"}
    registry = open_registry(root)
    other = write_files(root.parent / "other", {"model.pt": b"other bytes"})
    with pytest.raises(VersionExists):
        registry.register(TASK, NAME, "1", other)
    registry.promote(TASK, NAME, "production", "1")
    registry.verify(TASK, f"{NAME}@1")
    registry.sweep(0)
    assert raw.tree(package, times=True) == before
    package.chmod(0o755)
    (package / "deep").chmod(0o755)
    (package / "deep" / "er").chmod(0o755)
    shutil.rmtree(package)  # as nobody should: even then the name is not free for other bytes
    with pytest.raises(VersionExists):
        open_registry(root).register(TASK, NAME, "1", other)
    assert not (package / "model.pt").exists()


def test_I3_every_byte_is_covered(root: Path, source: Path) -> None:
    """Depth: tests/faults/test_tamper.py; tests/core/packages/test_verify.py; tests/core/test_old_registry.py."""
    package = register(root, "1", source)
    for directory, _, _ in os.walk(package):
        os.chmod(directory, 0o755)

    def problems() -> dict[str, str]:
        with pytest.raises(PackageCorrupt) as caught:
            open_registry(root).verify(TASK, f"{NAME}@1")
        return {problem["path"]: problem["kind"] for problem in caught.value.detail["problems"]}

    for path in sorted(path for path in package.rglob("*") if path.is_file()):
        name, whole = str(path.relative_to(package)), path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if whole else b"x")
        assert problems()[name] == ("manifest" if name == "sha256sums.txt" else "changed")
        path.unlink()
        assert problems()[name] == "missing"
        path.write_bytes(whole)
        path.rename(path.with_name("renamed"))
        assert set(problems()) >= {name, str(path.with_name("renamed").relative_to(package))}
        path.with_name("renamed").rename(path)
    write_files(package, {"deep/extra": b""})
    assert problems() == {"deep/extra": "extra"}
    manifest = package / "sha256sums.txt"
    manifest.write_bytes(manifest.read_bytes() + f"{hashlib.sha256().hexdigest()}  deep/extra\n".encode())
    assert problems() == {"sha256sums.txt": "manifest"}  # rewritten to match: the journal knows better


def test_I4_the_journal_is_the_commit_point(root: Path, source: Path) -> None:
    """Depth: tests/faults/test_kill.py; tests/core/upkeep/test_check.py; tests/core/test_old_registry.py."""
    register(root, "1", source)
    register(root, "2", source, actor="ada")
    journal, alias = model_of(root) / "audit/promotions.jsonl", model_of(root) / "aliases/latest.json"
    done = raw.tree(model_of(root))
    as_before_the_rename(root, "2")
    alias.write_text(json.dumps({**json.loads(alias.read_bytes()), "version": "1", "seq": 1}))
    assert open_registry(root).recover() == [f"{TASK}/{NAME}"]
    assert raw.tree(model_of(root)) == done  # every projection came back from the event alone
    event = journal.read_bytes().splitlines()[-1]
    as_before_the_rename(root, "2")
    journal.write_bytes(journal.read_bytes().removesuffix(event + b"\n"))
    alias.write_text(json.dumps({**json.loads(alias.read_bytes()), "version": "1", "seq": 1}))
    assert open_registry(root).recover() == []  # no event, no change
    assert raw.facts(model_of(root)).versions == {"1"}
    theirs = write_files(model_of(root) / "versions" / "9", {"model.pt": b"older software's"})
    with pytest.raises(VersionExists):
        open_registry(root).register(TASK, NAME, "9", source)
    assert open_registry(root).resolve(TASK, f"{NAME}@9", verify=False).path == str(theirs)
    assert [found.severity for found in open_registry(root).check().findings if found.where.endswith("@9")][:1] == [
        "note"
    ]


def test_I5_reads_write_nothing(root: Path, source: Path) -> None:
    """Depth: tests/core/test_old_registry.py, where every odd directory is read; tests/client/cli and tests/app."""
    register(root, "1", source)
    as_before_the_rename(root, "1")  # even where a crash has left something to be done
    before, moment = raw.tree(root, times=True), root.stat().st_mtime_ns
    registry = open_registry(root, workers=2)
    assert [finding.severity for finding in registry.check().findings] == ["pending"]
    for ref in (f"{NAME}@1", f"{NAME}@latest", f"{NAME}@none", "none@latest"):
        for verb in (registry.resolve, registry.show, registry.verify, registry.artifacts):
            with pytest.raises(RegistryError):
                verb(TASK, ref)
    registry.list_aliases(TASK, NAME)
    registry.history(TASK, NAME)
    registry.sweep(0, dry_run=True)
    assert (raw.tree(root, times=True), root.stat().st_mtime_ns) == (before, moment)


def test_I6_acknowledged_is_durable(root: Path, source: Path) -> None:
    """Depth: tests/faults/test_durability.py watches every call of every change, and their order."""

    def synced_while(work: Callable[[], Any]) -> set[int]:
        def watch() -> set[int]:
            inodes: set[int] = set()

            def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
                if name == "fsync":
                    inodes.add(os.fstat(args[0]).st_ino)
                return real(*args, **kwargs)

            injection.install(hook, storage=False)
            work()
            return inodes

        return forks.run(watch).get()  # type: ignore[no-any-return]

    synced = synced_while(lambda: register(root, "1", source))
    for path in [root, *root.rglob("*")]:
        if path.name != ".lock" and ".staging" not in path.parts:
            assert path.stat().st_ino in synced, f"{path.relative_to(root)} was acknowledged and never synced"
    synced = synced_while(lambda: open_registry(root).promote(TASK, NAME, "production", "1"))
    for name in ("audit/promotions.jsonl", "aliases/production.json", "aliases"):
        assert (model_of(root) / name).stat().st_ino in synced


def test_I7_one_winner(root: Path, source: Path) -> None:
    """Depth: tests/faults/test_races.py, with 32 and 64 processes; tests/objectstore with replicas."""
    outcomes = forks.race([lambda: register(root, "1", source)] * 6)
    assert [type(outcome.error) for outcome in outcomes if outcome.error] == [VersionExists] * 5
    register(root, "2", source, set_alias=None)

    def promote() -> int:
        return open_registry(root).promote(TASK, NAME, "latest", "2", expected_version="1").seq

    outcomes = forks.race([promote] * 6)
    assert [type(outcome.error) for outcome in outcomes if outcome.error] == [AliasMoved] * 5
    assert [event["event"] for event in raw.events(model_of(root))] == ["register", "register", "promote"]
    assert raw.facts(model_of(root)).aliases == {"latest": "2"}


def test_I8_nothing_escapes(root: Path, source: Path) -> None:
    """Depth: tests/faults/test_hostile_input.py; tests/core/vocabulary/test_texts.py; tests/core/packages."""
    registry = open_registry(root)
    beside = raw.tree(root.parent)
    for bad in ("..", "../../../outside", "/etc", "a/b", "a\0b", ".", "", "a\n"):
        for at in range(4):
            task, name, version, alias = [bad if at == place else name for place, name in enumerate("tnva")]
            with pytest.raises(InvalidName):
                registry.register(task, name, version, source, set_alias=alias)
    (source / "link").symlink_to("/etc/passwd")
    for directory in (source, root, root.parent, "/", "relative"):
        with pytest.raises(ArtifactsRefused):
            registry.register(TASK, NAME, "1", directory)
    (source / "link").unlink()
    assert raw.tree(root.parent) == beside
    register(root, "1", source)
    with pytest.raises(ArtifactsRefused):
        registry.register(TASK, NAME, "2", model_of(root) / "versions" / "1")


def peak(work: Callable[[], Any]) -> int:
    """Bytes of Python's memory at the highest point of the work."""
    work()  # what is loaded once is not counted
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_I9_bounded(root: Path, source: Path) -> None:
    """Depth: tests/faults/test_memory.py measures the process; benchmarks/ does it with 4 GiB."""
    area = Path(memory_backed(512 * MIB) or root.parent) / f"registry-bounded-{os.getpid()}"
    area.mkdir()
    try:
        for name, size_bytes in (("small", 2 * MIB), ("large", 96 * MIB)):
            with (write_files(area / name, {"model.pt": b""}) / "model.pt").open("wb") as file:
                file.truncate(size_bytes)
        (area / "root").mkdir()
        registry = open_registry(area / "root")
        versions = iter(range(10))

        def take(name: str) -> ModelRegistry:
            version = str(next(versions))
            registry.register(TASK, NAME, version, area / name)
            registry.verify(TASK, f"{NAME}@{version}")
            return registry

        small, large = peak(lambda: take("small")), peak(lambda: take("large"))
        assert large < small + 4 * MIB
    finally:
        remove_tree(area)

    def work() -> None:
        registry = open_registry(root)
        registry.resolve(TASK, f"{NAME}@latest", verify=False)
        registry.promote(TASK, NAME, "latest", "1")
        registry.history(TASK, NAME, limit=10)

    register(root, "1", source)
    journal = model_of(root) / "audit/promotions.jsonl"
    few = peak(work)
    line = json.dumps({"alias": "old", "version": "1", "reason": "x" * 200}).encode() + b"\n"
    with journal.open("ab") as log:
        log.write(line * 40_000)  # 10 MB of older software's history
    many = peak(work)
    assert many < few + 3 * MIB


def test_I10_a_failure_leaves_nothing_behind(root: Path, source: Path) -> None:
    """Depth: tests/faults/test_full_disk.py; tests/faults/test_kill.py."""
    registry = open_registry(root, lock_timeout_s=0)
    register(root, "1", source)
    before = raw.tree(root)

    def stop(_: Progress) -> None:
        raise ArtifactsRefused("the caller's directory went away")

    failures: list[Callable[[], Any]] = [
        lambda: registry.register(TASK, NAME, "2", source, progress=stop),
        lambda: registry.register(TASK, NAME, "2", source, {"bad": float("nan")}),
        lambda: registry.register(TASK, NAME, "2", source, set_alias="1"),
        lambda: registry.register(TASK, NAME, "2", source.parent / "nothing"),
        lambda: registry.promote(TASK, NAME, "latest", "9"),
        lambda: registry.promote(TASK, NAME, "latest", "1", expected_version="0"),
    ]
    for fail in failures:
        with pytest.raises(RegistryError):
            fail()
        assert raw.tree(root) == before
    write_files(source, {"sha256sums.txt": b"0" * 64 + b"  model.pt\n"})
    with pytest.raises(DigestMismatch):
        registry.register(TASK, NAME, "2", source)
    assert raw.tree(root) == before
    (source / "sha256sums.txt").unlink()
    assert registry.register(TASK, NAME, "2", source).version == "2"  # the name is free, the lock too
    assert raw.staging(root) == []

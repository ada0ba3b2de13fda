"""A disk that is full, or fails: nothing has changed, or the change stands and says so (I1, I4, I10)."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, NotFound, RegistryError, StorageFull, StorageUnavailable

from ..support.machine import MIB
from ..support.packages import open_registry, write_package
from . import forks, injection, raw
from .test_kill import CHANGES, Sweep, model_of

PAGE = os.sysconf("SC_PAGE_SIZE")
TASK, MODEL = "celltype", "pbmc"
EMPTY = hashlib.sha256(b"").hexdigest()
LONG = "because " * 500  # takes the journal line and the alias document over a page


def free(disk: Path) -> tuple[int, int]:
    """(blocks, inodes) that are free."""
    volume = os.statvfs(disk)
    return volume.f_bfree, volume.f_ffree


class Ballast:
    """Fills a small disk until exactly so many pages, or inodes, are left."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._block = disk / "ballast"
        self._block.mkdir()

    def leave_pages(self, count: int) -> None:
        with (self._block / "pages").open("wb") as file:
            file.write(bytes((free(self._disk)[0] - count) * PAGE))

    def leave_inodes(self, count: int) -> None:
        for number in range(free(self._disk)[1] - count):
            (self._block / f"inode-{number}").touch()

    def drop(self) -> None:
        for path in self._block.iterdir():
            path.unlink()


def content(root: Path) -> dict[str, tuple[Any, ...]]:
    """Every file that holds something; not lock files, directories, or a journal without an event."""
    return {
        path: entry
        for path, entry in raw.tree(root).items()
        if entry[1] not in (None, EMPTY) and path != "registry.json"
    }


def test_a_package_larger_than_the_disk(small_disk: Callable[..., Path], area: Path) -> None:
    disk = small_disk(4 * MIB)
    root = disk / "root"
    root.mkdir()
    small = write_package(area / "small")
    registry = open_registry(root, workers=2)
    registry.register(TASK, MODEL, "1", small)
    large = write_package(area / "large")
    for number in range(3):
        (large / f"weights-{number}").write_bytes(bytes(2 * MIB))
    before, space = content(root), free(disk)

    with pytest.raises(StorageFull) as caught:
        registry.register(TASK, MODEL, "2", large)

    assert not caught.value.detail.get("committed")
    assert free(disk) == space
    assert content(root) == before
    assert raw.staging(root) == []
    with pytest.raises(NotFound):
        registry.resolve(TASK, f"{MODEL}@2")
    assert registry.check().findings == []
    assert registry.register(TASK, MODEL, "2", small).version == "2"
    assert registry.resolve(TASK, f"{MODEL}@latest").version == "2"
    assert registry.check().findings == []


def test_a_new_model_larger_than_the_disk_leaves_no_trace(small_disk: Callable[..., Path], area: Path) -> None:
    disk = small_disk(1 * MIB)
    root = disk / "root"
    root.mkdir()
    (root / ".staging").mkdir()
    large = write_package(area / "large")
    (large / "weights").write_bytes(bytes(2 * MIB))
    before, space = raw.tree(root), free(disk)
    with pytest.raises(StorageFull):
        open_registry(root, workers=2).register(TASK, MODEL, "1", large)
    assert (raw.tree(root), free(disk)) == (before, space)


def register_next(registry: ModelRegistry, source: Path) -> Any:
    return registry.register(TASK, MODEL, "2", source, reason=LONG)


def register_new_model(registry: ModelRegistry, source: Path) -> Any:
    return registry.register(TASK, "unseen", "1", source, reason=LONG)


def promote_existing(registry: ModelRegistry, source: Path) -> Any:
    return registry.promote(TASK, MODEL, "latest", "1", reason=LONG)


def promote_new(registry: ModelRegistry, source: Path) -> Any:
    return registry.promote(TASK, MODEL, "production", "1", reason=LONG)


@pytest.mark.parametrize("kind", ["pages", "inodes"])
@pytest.mark.parametrize("verb", [register_next, register_new_model, promote_existing, promote_new])
def test_space_runs_out_at_every_step(
    small_disk: Callable[..., Path], area: Path, verb: Callable[..., Any], kind: str
) -> None:
    """With 0, 1, 2, ... pages or inodes left: success, or StorageFull with nothing changed and nothing lost."""
    disk = small_disk(256 * PAGE, inodes=200)
    root = disk / "root"
    root.mkdir()
    source = area / "tiny"
    (source / "sub").mkdir(parents=True)
    (source / "model.pt").write_bytes(b"weights")
    (source / "sub" / "labels").write_bytes(b"labels")
    registry = open_registry(root)
    registry.register(TASK, MODEL, "1", source)
    ballast = Ballast(disk)
    for left in range(60):
        before, space = content(root), free(disk)
        (ballast.leave_pages if kind == "pages" else ballast.leave_inodes)(left)
        try:
            verb(registry, source)
        except StorageFull as error:
            ballast.drop()
            assert not error.detail.get("committed")
            assert content(root) == before, f"{left} {kind} left"
            assert raw.staging(root) == [], f"{left} {kind} left"
            assert free(disk)[0] == space[0], f"{left} {kind} left: pages are lost"
            assert registry.check().findings == []
        else:
            break
    else:
        pytest.fail("no space was ever enough")
    assert left > 0
    ballast.drop()
    findings = registry.check().findings
    assert findings == []
    assert raw.staging(root) == []
    for model in ("pbmc", "unseen"):
        raw.facts(root / "tasks" / TASK / "models" / model)


def test_reads_and_recovery_on_a_full_disk(small_disk: Callable[..., Path], area: Path) -> None:
    """Resolve needs no space; a recovery that finds none leaves the event for the next one."""
    disk = small_disk(4 * MIB)
    root = disk / "root"
    root.mkdir()
    source = write_package(area / "source")
    registry = open_registry(root)
    registry.register(TASK, MODEL, "1", source)
    change = CHANGES["register-next-version"]
    names = Sweep.make("register-next-version", area / "twin").calls()
    publish = next(point for point in injection.points(names) if point.name == "FilesystemStaging.publish")
    assert forks.run(injection.killed_at(publish, lambda: change.run(root, source))).signal
    for draft in (root / ".staging").glob("*.doc"):
        draft.unlink()  # its page must not serve the recovery
    ballast = Ballast(disk)
    ballast.leave_pages(0)

    assert registry.resolve(TASK, f"{MODEL}@latest").version == "1"
    registry.recover()
    assert "damage" not in {finding.severity for finding in registry.check().findings}
    assert registry.resolve(TASK, f"{MODEL}@latest").version in ("1", "2")

    ballast.drop()
    registry.recover()
    assert registry.resolve(TASK, f"{MODEL}@latest").version == "2"
    assert {finding.severity for finding in registry.check().findings} <= {"note"}


# failures at every single call


@dataclass(frozen=True)
class Failure:
    """A way for calls to fail: with which error, which calls, one in how many, and whether they go on failing."""

    code: int
    calls: frozenset[str]
    for_good: bool = False
    every: int = 1

    def points(self, sweep: Sweep) -> list[injection.Point]:
        """Before each call; for writes also half way; for some also after it, done and yet reported as failed."""
        root = sweep.fresh()
        run = lambda: sweep.change.run(root, sweep.source)  # noqa: E731
        names = forks.run(lambda: injection.trace(run, looking=True, storage=False)).get()
        found = [
            point
            for point in injection.points(names)
            if point.name in self.calls and (point.phase != "after" or point.name in REPORTED_LATE)
        ]
        return found[:: self.every]

    def strike(self, sweep: Sweep, point: injection.Point) -> tuple[Path, forks.Outcome]:
        root = sweep.fresh()
        only = self.calls if self.for_good else None
        run = lambda: sweep.change.run(root, sweep.source)  # noqa: E731
        return root, forks.run(injection.failing_at(point, self.code, run, for_good=self.for_good, only=only))


REPORTED_LATE = frozenset({"fsync", "rename", "write", "pwrite", "file.write"})
NEED_SPACE = frozenset({"open", "write", "pwrite", "file.write", "mkdir", "link", "rename", "fsync"})
CHANGE = NEED_SPACE | {"unlink", "rmdir", "chmod", "fchmod", "ftruncate"}
LOOK = frozenset({injection.OPEN_AS_IT_IS, "stat", "lstat", "fstat", "scandir", "io.open", "flock"})

SINGLE = {
    "ENOSPC": Failure(errno.ENOSPC, NEED_SPACE),
    "EIO": Failure(errno.EIO, CHANGE),
    "EIO-looking": Failure(errno.EIO, LOOK, every=3),
    "EIO-looking everywhere": Failure(errno.EIO, LOOK),
}
LASTING = {
    # Removing and truncating work on a full disk.
    "full": Failure(errno.ENOSPC, NEED_SPACE - {"open"}, for_good=True),
    # Not even the truncation of a half append works, but what is there can be read.
    "dead": Failure(errno.EIO, CHANGE - {"open"}, for_good=True),
}


def judge(sweep: Sweep, root: Path, outcome: forks.Outcome) -> bool:
    """What the caller was told is what is there. Returns whether the change stands."""
    error = outcome.error
    if error is None:
        sweep.assert_finished(root, committed=True)
        return True
    assert isinstance(error, RegistryError), f"{type(error).__name__} escaped"
    now = raw.facts(model_of(root))
    committed = bool(error.detail.get("committed"))
    if committed:
        assert isinstance(error, StorageUnavailable)
        assert len(now.events) == len(sweep.old.events) + 1, "told that the change stands, but it does not"
    else:
        assert now == sweep.old, f"told {error.code} without 'committed', but the change stands"
    sweep.assert_old_or_new(root)
    open_registry(root).recover()
    sweep.assert_finished(root, committed=committed)
    return committed


def survived(sweep: Sweep, failure: Failure, judged: Callable[[Sweep, Path, forks.Outcome], bool]) -> set[bool]:
    """The change under the failure at every point, judged and then done again. Returns the verdicts seen."""
    failures, verdicts = [], set()
    for point in failure.points(sweep):
        root, outcome = failure.strike(sweep, point)
        try:
            stands = judged(sweep, root, outcome)
            verdicts.add(stands)
            sweep.retry(root, committed=stands, keyed_first=True)
            sweep.assert_nothing_left(root)
        except Exception as error:  # noqa: BLE001 - collected, and raised below
            failures.append(f"{point}: {type(error).__name__}: {first_line(error)} {place(outcome.error)}")
    assert not failures, f"{len(failures)} failing calls are handled wrongly:\n" + "\n".join(failures)
    return verdicts


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


def place(error: BaseException | None) -> str:
    """Where in the core the error came from."""
    frames = re.findall(r'registry_core/(\S+)", line (\d+)', "".join(getattr(error, "__notes__", [])))
    return f"(at {frames[-1][0]}:{frames[-1][1]})" if frames else ""


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("register-new-model", "ENOSPC"),
        ("register-new-model", "EIO"),
        ("register-next-version", "EIO-looking"),
        ("promote-moves-alias", "ENOSPC"),
        ("promote-moves-alias", "EIO"),
        ("promote-moves-alias", "EIO-looking"),
        ("promote-makes-alias", "EIO"),
        pytest.param("register-next-version", "EIO-looking everywhere", marks=pytest.mark.slow),
        pytest.param("promote-moves-alias", "EIO-looking everywhere", marks=pytest.mark.slow),
    ],
)
def test_one_call_fails(area: Path, name: str, failure: str) -> None:
    verdicts = survived(Sweep.make(name, area), SINGLE[failure], judge)
    assert False in verdicts


@pytest.mark.parametrize("name", ["register-new-model", "promote-moves-alias"])
def test_the_disk_stays_full(area: Path, name: str) -> None:
    survived(Sweep.make(name, area), LASTING["full"], judge)


@pytest.mark.parametrize("name", ["register-next-version", "promote-moves-alias"])
def test_the_disk_dies(area: Path, name: str) -> None:
    """Nobody can truncate on a dead disk, so the journal alone says later whether the change stands."""

    def judge_by_the_journal(sweep: Sweep, root: Path, outcome: forks.Outcome) -> bool:
        error = outcome.error
        assert error is None or isinstance(error, RegistryError), f"{type(error).__name__} escaped"
        committed = sweep.assert_old_or_new(root)
        assert committed or (error is not None and not error.detail.get("committed"))
        open_registry(root).recover()
        sweep.assert_finished(root, committed=committed)
        return committed

    survived(Sweep.make(name, area), LASTING["dead"], judge_by_the_journal)

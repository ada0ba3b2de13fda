"""Sweep removes what nobody holds and no event names, when it is old enough; and nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry_core import InvalidParameter
from registry_core.models.changes import Draft
from registry_core.packages.sources import BytesSource
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.upkeep.sweep import attempts_in_want

from ...faults.raw import tree
from ...support.machine import remove_tree
from ...support.packages import open_registry, write_files
from ..conftest import Shelf, SimulatedShelf
from ..simulated import away, fails

PACKAGE = "tasks/t/models/m/versions/9"
HOUR_S = 3600.0


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "root"
    made.mkdir()
    open_registry(made).register("t", "m", "1", write_files(tmp_path / "1", {"model.pt": b"1"}))
    yield made
    remove_tree(made)


def abandon(root: Path, *, age_s: float = 0) -> str:
    """An attempt whose owner was killed: the bytes are there, the lock file is, and nobody holds it."""
    staging = FilesystemStorage(root).packages.stage(PACKAGE)
    staging.add("model.pt", BytesSource(b"half"))
    staging.keep()
    staging.__exit__(None, None, None)
    then = time.time() - age_s
    os.utime(root / ".staging" / staging.attempt, (then, then))
    return staging.attempt


def unpublish(root: Path, version: str) -> str:
    """As a crash between the event and the rename leaves it: the attempt named, the version not there."""
    model = root / "tasks/t/models/m"
    [event] = [e for e in map(json.loads, (model / "audit/promotions.jsonl").open()) if e["version"] == version]
    (root / ".staging" / event["attempt"]).mkdir(parents=True, exist_ok=True)
    (model / "versions" / version).chmod(0o755)
    (model / "versions" / version).rename(root / ".staging" / event["attempt"] / "package")
    attempt: str = event["attempt"]
    return attempt


def test_what_is_old_and_held_by_nobody_goes(root: Path) -> None:
    old, young = abandon(root, age_s=2 * HOUR_S), abandon(root)
    with FilesystemStorage(root).packages.stage(PACKAGE) as alive:
        os.utime(root / ".staging" / alive.attempt, (0, 0))
        report = open_registry(root).sweep(HOUR_S)
        assert (report.removed, report.kept, report.finished) == ([old], [], [])
        assert (root / ".staging" / alive.attempt).is_dir()
    assert (root / ".staging" / young).is_dir()
    assert open_registry(root).sweep(0).removed == [young]
    assert list((root / ".staging").iterdir()) == []


def test_by_default_a_day_is_old(root: Path) -> None:
    day, less = abandon(root, age_s=25 * HOUR_S), abandon(root, age_s=23 * HOUR_S)
    assert open_registry(root).sweep().removed == [day]
    assert (root / ".staging" / less).is_dir()


def test_a_preview_changes_nothing_and_says_the_same(root: Path) -> None:
    attempts = sorted([abandon(root, age_s=2 * HOUR_S), abandon(root, age_s=2 * HOUR_S)])
    before = tree(root, times=True)
    preview = open_registry(root).sweep(HOUR_S, dry_run=True)
    assert tree(root, times=True) == before
    assert preview.removed == attempts
    assert open_registry(root).sweep(HOUR_S) == preview


def test_a_journal_that_waits_is_finished_first_so_its_bytes_are_not_lost(root: Path) -> None:
    attempt = unpublish(root, "1")
    preview = open_registry(root).sweep(0, dry_run=True)
    assert (preview.finished, preview.removed) == (["t/m"], [])
    assert open_registry(root).sweep(0).finished == ["t/m"]
    assert open_registry(root).verify("t", "m@1").files_checked == 2
    assert not (root / ".staging" / attempt / "package").exists()
    assert open_registry(root).check().findings == []


def test_an_attempt_that_the_sweep_itself_published_is_not_called_removed(root: Path) -> None:
    """A person who reads "removed" must not think that a version is lost."""
    unpublish(root, "1")
    assert open_registry(root).sweep(0).removed == []


def test_an_attempt_that_an_earlier_event_names_is_kept(root: Path, tmp_path: Path) -> None:
    """Somebody moved the bytes back where they were staged: they are a version's, and only a person may judge."""
    open_registry(root).register("t", "m", "2", write_files(tmp_path / "2", {"model.pt": b"2"}))
    attempt = unpublish(root, "1")
    report = open_registry(root).sweep(0)
    assert (report.removed, report.kept) == ([], [attempt])
    assert (root / ".staging" / attempt / "package/model.pt").read_bytes() == b"1"


def test_where_a_journal_cannot_be_read_nothing_is_removed(root: Path) -> None:
    """It may name any of them."""
    attempt = abandon(root)
    journal = root / "tasks/t/models/m/audit/promotions.jsonl"
    journal.unlink()
    journal.mkdir()
    report = open_registry(root).sweep(0)
    assert (report.removed, report.kept) == ([], [attempt])


def test_drafts_of_documents_go_when_they_are_old(root: Path) -> None:
    (root / ".staging").mkdir(exist_ok=True)
    draft = root / ".staging/0123.doc"
    draft.write_bytes(b"{}")
    open_registry(root).sweep(HOUR_S)
    assert draft.exists()
    open_registry(root).sweep(0)
    assert not draft.exists()


@pytest.mark.parametrize("age_s", [-1, float("nan"), float("-inf")])
def test_an_age_is_a_number_of_seconds(root: Path, age_s: float) -> None:
    with pytest.raises(InvalidParameter):
        open_registry(root).sweep(age_s)


def test_a_registry_in_which_nothing_was_ever_registered(tmp_path: Path) -> None:
    report = open_registry(tmp_path).sweep(0)
    assert (report.finished, report.removed, report.kept) == ([], [], [])


def test_a_preview_does_not_count_what_somebody_holds(root: Path) -> None:
    old = abandon(root, age_s=2 * HOUR_S)
    with FilesystemStorage(root).packages.stage(PACKAGE) as alive:
        os.utime(root / ".staging" / alive.attempt, (0, 0))
        assert open_registry(root).sweep(HOUR_S, dry_run=True).removed == [old]


def test_an_attempt_that_cannot_be_removed_is_kept_and_keeps_nobody_up(simulated: SimulatedShelf) -> None:
    packages = simulated.storage.packages
    for number in (3, 4):
        with packages.stage(f"tasks/t/models/m/versions/{number}") as staging:
            staging.keep()
    first, second = (attempt.name for attempt in packages.staged())
    simulated.storage.acts.first("discard", fails(away()))
    report = simulated.registry().sweep(0)
    assert (report.removed, report.kept) == ([second], [first])


def test_attempts_in_want_are_those_whose_versions_are_not_there(shelf: Shelf) -> None:
    assert attempts_in_want(shelf.model()) == set()
    event = shelf.append(Draft("register", "3", None, None, package_digest="sha256:" + "0" * 64))
    assert attempts_in_want(shelf.model()) == {event["attempt"]}


LOST: dict[str, Callable[[Path], object]] = {
    "emptied": lambda log: log.write_bytes(b""),
    "deleted": lambda log: log.unlink(),
    "an older copy": lambda log: log.write_bytes(log.read_bytes().splitlines(keepends=True)[0]),
    "its last line damaged": lambda log: log.write_bytes(log.read_bytes()[:-9] + b"xxxxxxxx\n"),
    "torn, with its end gone": lambda log: log.write_bytes(log.read_bytes()[:-9]),
}


@pytest.mark.parametrize("lost", LOST)
def test_what_a_lost_event_may_have_named_is_left_alone(root: Path, tmp_path: Path, lost: str) -> None:
    """A register whose version was never published: only the lost event says that the staged bytes are wanted."""
    open_registry(root).register("t", "m", "2", write_files(tmp_path / "2", {"model.pt": b"2"}), set_alias=None)
    attempt = unpublish(root, "2")
    abandoned = abandon(root)
    log = root / "tasks/t/models/m/audit/promotions.jsonl"
    LOST[lost](log)
    before = log.read_bytes() if log.exists() else None
    preview = open_registry(root).sweep(0, dry_run=True)
    report = open_registry(root).sweep(0)
    assert report == preview
    assert (report.finished, report.removed) == ([], [])
    assert sorted(report.kept) == sorted([attempt, abandoned])
    [refused] = report.refused
    assert (refused.severity, refused.where) == ("damage", "t/m")
    assert "omr repair journal t m --accept-loss" in refused.message
    assert (root / ".staging" / attempt / "package/model.pt").read_bytes() == b"2"
    assert (log.read_bytes() if log.exists() else None) == before


def test_a_lost_end_is_named_also_where_nothing_is_staged(root: Path) -> None:
    (root / "tasks/t/models/m/audit/promotions.jsonl").write_bytes(b"")
    assert [finding.where for finding in open_registry(root).sweep(0).refused] == ["t/m"]

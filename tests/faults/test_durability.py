"""I6: what is acknowledged has been asked of the disk, in an order that a power cut cannot break.

A power cut cannot be made here, so the calls are watched instead: which files and directory entries
have changed since their last fsync, at the moments that count.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ..support.packages import open_registry
from . import forks, injection, raw
from .test_kill import CHANGES, Sweep, model_of

Inode = tuple[int, int]
NAMING = {"open", "rename", "link", "unlink", "rmdir", "mkdir"}


class Disk:
    """What a power cut could take: files whose bytes, and directories whose entries, are not yet on the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unsafe: dict[Inode, str] = {}
        self.moments: dict[str, list[str]] = {}
        self.synced: set[Inode] = set()

    def hook(self, name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        paths = injection.named(name, args, kwargs) if name in NAMING else []
        if name == "pwrite":
            self._moment("append")
        if name == "rename" and "/versions/" in paths[1]:
            self._moment("publish")
        if name in ("rename", "link") and "/aliases/" in paths[1]:
            self._moment("alias")
        made = name == "open" and args[1] & os.O_CREAT and not os.path.lexists(paths[0])
        removed = self._identity(paths[0]) if name in ("unlink", "rmdir") else None
        result = real(*args, **kwargs)
        if name in ("pwrite", "write", "ftruncate", "fchmod"):
            self._changed(args[0])
        elif name == "file.write":
            self._changed(real.__self__.fileno())  # type: ignore[attr-defined]
        elif name == "fsync":
            identity = self._identity(args[0])
            self.unsafe.pop(identity, None)
            self.synced.add(identity)
        elif name == "syncfs":
            device = os.fstat(args[0]).st_dev
            self.synced |= {identity for identity in self.unsafe if identity[0] == device}
            self.unsafe = {identity: place for identity, place in self.unsafe.items() if identity[0] != device}
        elif made:
            self._changed(result)
            self._entries(paths[0])
        elif name in ("mkdir", "link", "rename"):
            for path in paths:
                self._entries(path)
        elif name == "chmod":
            self._changed(args[0])
        elif removed is not None:
            self.unsafe.pop(removed, None)
            self._entries(paths[0])
        return result

    def _identity(self, place: Any) -> Inode:
        status = os.stat(place)
        return status.st_dev, status.st_ino

    def _changed(self, place: Any) -> None:
        where = os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else str(place)
        # A lock file holds nothing, and one that is lost is made again.
        if where.startswith(str(self.root)) and not where.endswith("/.lock"):
            self.unsafe[self._identity(place)] = where

    def _entries(self, path: Any) -> None:
        parent = os.path.dirname(os.path.abspath(path))
        if not str(path).endswith("/.lock") and os.path.isdir(parent):
            self._changed(parent)

    def _moment(self, name: str) -> None:
        self.moments.setdefault(name, sorted(self.unsafe.values()))

    def end(self) -> None:
        self._moment("end")


def watched(root: Path, work: Callable[[], Any]) -> Disk:
    """What was unsafe at each moment of the work."""

    def watch() -> Disk:
        disk = Disk(root)
        injection.install(disk.hook, storage=False)
        work()
        disk.end()
        return disk

    return forks.run(watch).get()  # type: ignore[no-any-return]


def outside_staging(root: Path, places: list[str]) -> list[str]:
    """Staging is swept, not recovered, once nothing in it is named by an event."""
    return [place for place in places if not place.startswith(str(root / ".staging"))]


@pytest.mark.parametrize("name", CHANGES)
def test_the_acknowledged_is_on_the_disk(area: Path, name: str) -> None:
    sweep = Sweep.make(name, area)
    root = sweep.fresh()
    disk = watched(root, lambda: sweep.change.run(root, sweep.source))
    assert outside_staging(root, disk.moments["end"]) == []


@pytest.mark.parametrize("name", ["register-new-model", "register-next-version"])
def test_everything_but_the_event_is_on_the_disk_before_the_event(area: Path, name: str) -> None:
    """The event names staged bytes; recovery can only finish what it finds."""
    sweep = Sweep.make(name, area)
    root = sweep.fresh()
    disk = watched(root, lambda: sweep.change.run(root, sweep.source))
    unsafe = disk.moments["append"]
    # The journal itself may have been made a moment ago; the alias document is made again from the event.
    assert [place for place in unsafe if "/audit" not in place and place != str(root / ".staging")] == []


@pytest.mark.parametrize("name", CHANGES)
def test_the_event_is_on_the_disk_before_anything_shows_it(area: Path, name: str) -> None:
    sweep = Sweep.make(name, area)
    root = sweep.fresh()
    disk = watched(root, lambda: sweep.change.run(root, sweep.source))
    for moment in ("publish", "alias") if sweep.change.registers else ("alias",):
        assert [place for place in disk.moments[moment] if "/audit" in place] == []


def killed_before_the_events_fsync(sweep: Sweep) -> Path:
    """The line is complete in the journal, but nobody has waited for the disk."""
    points = injection.points(sweep.calls())
    append = next(point for point in points if point.name == "pwrite" and point.phase == "after")
    return sweep.kill(append)


@pytest.mark.parametrize("name", CHANGES)
def test_recovery_syncs_an_event_before_it_shows_it(area: Path, name: str) -> None:
    """Else a power cut after the recovery could leave a version or an alias that no event names."""
    sweep = Sweep.make(name, area)
    root = killed_before_the_events_fsync(sweep)
    journal = model_of(root) / "audit" / "promotions.jsonl"
    needed = {journal, journal.parent} if name == "register-new-model" else {journal}

    def recover() -> list[str]:
        synced: set[Inode] = set()
        late: list[str] = []

        def hook(call: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if call == "fsync":
                status = os.fstat(args[0])
                synced.add((status.st_dev, status.st_ino))
            if call in ("rename", "link"):
                target = injection.named(call, args, kwargs)[1]
                if "/versions/" in target or "/aliases/" in target:
                    late.extend(path.name for path in needed if (path.stat().st_dev, path.stat().st_ino) not in synced)
            return real(*args, **kwargs)

        injection.install(hook, storage=False)
        open_registry(root).recover()
        return late

    assert forks.run(recover).get() == []


def test_the_second_event_syncs_the_journals_directory_if_the_first_could_not(area: Path) -> None:
    """The first writer died between the file and its directory entry; the second is acknowledged."""
    sweep = Sweep.make("register-new-model", area)
    root = killed_before_the_events_fsync(sweep)
    disk = watched(root, lambda: CHANGES["register-next-version"].run(root, sweep.source, key=None))
    status = (model_of(root) / "audit").stat()
    assert (status.st_dev, status.st_ino) in disk.synced


def test_a_directory_that_somebody_else_made_is_synced_too(area: Path) -> None:
    """Its maker died before its entry was on the disk; whoever puts something durable into it makes up for that."""
    sweep = Sweep.make("register-new-model", area)
    known, seen = raw.tree(sweep.template).keys(), []
    for point in injection.points(sweep.calls()):
        if (point.name, point.phase) != ("mkdir", "after"):
            continue
        root = sweep.kill(point)
        now = raw.tree(root).keys()
        made, known = [root / path for path in now - known if (root / path).is_dir()], now
        disk = watched(root, partial(sweep.change.run, root, sweep.source))
        for directory in made:
            if ".staging" not in directory.parts[:-1]:
                status = directory.parent.stat()
                assert (status.st_dev, status.st_ino) in disk.synced, directory
                seen.append(directory.name)
    assert {"tasks", "models", "pbmc", "versions", "aliases", "audit"} <= set(seen)


def test_a_directory_that_cannot_be_listed_is_not_passed_over(area: Path) -> None:
    """The fsync of the staged directories walks them; where the walk fails, nothing may be acknowledged."""
    sweep = Sweep.make("register-next-version", area)
    root = sweep.fresh()

    def register() -> Any:
        real = os.scandir

        def scandir(path: Any = ".") -> Any:
            place = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else str(path)
            if "/.staging/" in place and place.endswith("/deep"):
                raise OSError(5, "Input/output error", str(path))
            return real(path)

        os.scandir = scandir  # type: ignore[assignment]
        return sweep.change.run(root, sweep.source)

    error = forks.run(register).error
    assert error is not None, "acknowledged, although a staged directory was never synced"
    assert sweep.assert_old_or_new(root) is False

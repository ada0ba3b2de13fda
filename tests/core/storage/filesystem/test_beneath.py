"""What lies below the root is opened step by step: nothing is followed, nothing is waited for, nothing stays open."""

from __future__ import annotations

import os
import stat
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, NotConfigured, PackageCorrupt, RegistryError
from registry_core.storage.contract import KeyNotFound
from registry_core.storage.filesystem import beneath
from registry_core.storage.filesystem.beneath import Place
from registry_core.storage.filesystem.failures import Planted
from registry_core.storage.filesystem.tree import FilesystemStorage

from ....support import planted
from ....support.machine import need
from ....support.packages import open_registry, write_package


@pytest.fixture(params=["all steps at once", "one after the other"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root on a kernel that has openat2, and on one that has not."""
    monkeypatch.setattr(beneath._openat2, "is_there", request.param == "all steps at once")
    made = tmp_path / "root"
    (made / "a" / "b").mkdir(parents=True)
    (made / "a" / "b" / "document").write_bytes(b"ours")
    return made


def read(place: Place) -> bytes:
    with os.fdopen(place.open(os.O_RDONLY), "rb") as file:
        return file.read()


def test_what_is_there_is_reached(root: Path) -> None:
    assert read(Place(root, "a/b/document")) == b"ours"
    assert Place(root, "a/b").is_directory()
    assert not Place(root, "a/c").is_directory()
    assert Place(root, "a/c/d").stat() is None
    with pytest.raises(FileNotFoundError):
        Place(root, "a/c/d").open(os.O_RDONLY)


def test_the_root_may_be_a_link_and_is_opened_anew_each_time(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    place = Place(link, "a/b/document")
    assert read(place) == b"ours"
    root.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        place.open(os.O_RDONLY)


@pytest.mark.parametrize("thing", planted.THINGS, ids=lambda thing: thing.__name__)
@pytest.mark.parametrize("where", ["a", "a/b", "a/b/document"])
def test_what_is_planted_on_the_way_or_at_its_end_is_named(
    root: Path, tmp_path: Path, where: str, thing: planted.Plant
) -> None:
    planted.plant(root, where, thing, planted.make_outside(tmp_path / "outside"))
    place = Place(root, "a/b/document")
    with planted.in_time():
        for flags in (os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_CREAT):
            with pytest.raises((Planted, NotADirectoryError)) as caught:
                place.open(flags)
            if isinstance(caught.value, Planted):
                assert caught.value.key == where
        if where != place.key:
            with pytest.raises(Planted):
                (place.above / "c").make_directory()


def test_a_document_a_file_and_a_log_behind_a_link_are_damage(root: Path, tmp_path: Path) -> None:
    home = root / "below" / "a" / "long" / "way"
    home.mkdir(parents=True)
    (root / "a").rename(tmp_path / "moved")
    (home / "a").symlink_to(tmp_path / "moved")
    storage = FilesystemStorage(root)
    calls: list[Callable[[], object]] = [
        lambda: storage.documents.read("below/a/long/way/a/b/document"),
        lambda: storage.documents.write("below/a/long/way/a/b/document", b"new"),
        lambda: storage.documents.delete("below/a/long/way/a/b/document"),
        lambda: list(storage.documents.list("below/a/long/way/a/b")),
        lambda: storage.packages.open("below/a/long/way/a/b", "document"),
        lambda: storage.packages.locate("below/a/long/way/a/b"),
        lambda: storage.packages.erase("below/a/long/way/a/b", "below/a/long/way/a/b"),
        lambda: storage.packages.retire("below/a/long/way/a/b", "grave", 1),
        lambda: storage.packages.reinstate("grave", "below/a/long/way/a/b", 1),
    ]
    for call in calls:
        with pytest.raises((PackageCorrupt, KeyNotFound)) as caught:
            call()
        if isinstance(caught.value, PackageCorrupt):
            assert caught.value.detail["problems"][0]["actual"] == "a symbolic link"
    logs: list[Callable[[], object]] = [
        lambda: storage.documents.last("below/a/long/way/a/b/document"),
        lambda: storage.documents.append("below/a/long/way/a/b/x", b"{}", 1),
    ]
    for log in logs:
        with pytest.raises(RegistryError) as told:
            log()
        assert told.value.code == "journal_corrupt"
    assert [path.name for path in (tmp_path / "moved" / "b").iterdir()] == ["document"]
    assert (tmp_path / "moved" / "b" / "document").read_bytes() == b"ours"


def test_working_space_that_is_a_link_is_the_roots_fault(root: Path, tmp_path: Path) -> None:
    (root / ".staging").symlink_to(tmp_path)
    with pytest.raises(NotConfigured) as caught:
        FilesystemStorage(root).documents.write("a/new", b"x")
    assert caught.value.detail["reason"] == "root_layout"
    assert caught.value.detail["path"] == ".staging"


def test_a_purge_changes_no_mode_outside(root: Path, tmp_path: Path) -> None:
    outside = planted.make_outside(tmp_path / "outside")
    before = stat.S_IMODE((outside / "directory").stat().st_mode)
    (root / "grave").mkdir()
    (root / "grave" / "link").symlink_to(outside / "directory")
    FilesystemStorage(root).packages.erase("package", "grave")
    assert not (root / "grave").exists()
    assert stat.S_IMODE((outside / "directory").stat().st_mode) == before
    assert (outside / "directory" / "model.pt").read_bytes() == planted.SECRET


def test_no_descriptor_outlives_a_verb(tmp_path: Path) -> None:
    source = planted.make_source(tmp_path / "source")
    root = planted.make_root(tmp_path / "root", source)

    def open_below() -> list[str]:
        names = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
        targets = [os.readlink(name) for name in names if os.path.lexists(name)]
        return [target for target in targets if target.startswith(str(root)) and ".catalog" not in target]

    registry: ModelRegistry = open_registry(root)
    for name, verb in {**planted.READING, **planted.CHANGING}.items():
        with suppress(RegistryError):
            verb(registry, source)
        assert open_below() == [], name


def test_directories_are_made_by_many_at_once(root: Path) -> None:
    place = Place(root, "new/and/deep/and/deeper")
    threads = [threading.Thread(target=place.make_directory) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.is_directory()


class Counted:
    """The system calls of this process that open something, or look at it by its path, in what it does meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        for name in ("open", "stat", "lstat", "scandir", "listdir", "access", "statvfs"):
            monkeypatch.setattr(os, name, self._counting(name, getattr(os, name)))
        monkeypatch.setattr(beneath._openat2, "_call", self._counting("openat2", beneath._openat2._call))

    def _counting(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.calls.append(name)
            return real(*args, **options)

        return call

    def of(self, read: Callable[[], object]) -> Counter[str]:
        self.calls.clear()
        read()
        return Counter(self.calls)


def test_a_read_opens_each_thing_in_two_calls_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The root by its path, and from there all steps at once; of show each alias is one thing."""
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    registry.register("t", "m", "1", str(write_package(tmp_path / "package")), actor="a", reason="b")
    need(beneath._openat2.is_there, "this kernel has no openat2, so that each step is a call; Linux 5.6 has it")
    counted = Counted(monkeypatch)
    # The root, twice: it is itself, and has policies or none. The alias, the package, its state, what the lock notes;
    # the journal for the digest and for its end at once.
    assert counted.of(lambda: registry.resolve("t", "m@latest", verify=False)) == {"open": 5, "openat2": 5, "stat": 2}
    # And the metadata, the other aliases, and their list, which is an open directory.
    assert counted.of(lambda: registry.show("t", "m@latest")) == {"open": 7, "openat2": 7, "stat": 2, "listdir": 1}
    assert counted.of(lambda: registry.list_aliases("t", "m")) == {"open": 4, "openat2": 4, "stat": 1, "listdir": 1}

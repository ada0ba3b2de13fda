"""Many small files are synced by one call, where that tells of what it could not write; elsewhere each by itself."""

from __future__ import annotations

import ctypes
import errno
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from registry_core import RegistryError, StorageFull, StorageUnavailable
from registry_core.storage import syncing

from ..support.machine import remove_tree
from ..support.packages import open_registry
from . import forks, injection, raw, test_durability, test_kill

COUNT = 3 * syncing.FEW_FILES
LARGE_BYTES = 64 * 1024


@pytest.fixture
def package(area: Path) -> Path:
    source = area / "many"
    for number in range(COUNT):
        directory = source / f"{number % 3}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"file-{number}").write_bytes(b"%d" % number)
    return source


@pytest.fixture
def root(root: Path, source: Path) -> Path:
    open_registry(root).register("t", "m", "0", source)
    return root


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch, area: Path) -> None:
    """Even two files are many: what is tried elsewhere with a few files is tried with this."""
    monkeypatch.setattr(syncing, "FEW_FILES", 1)
    fd = os.open(area, os.O_RDONLY)
    assert syncing.can_sync_at_once(fd), "not on this kernel, or not on this filesystem"
    os.close(fd)


def counted(root: Path, fail: Callable[[str], None] = lambda _: None, **what: Any) -> Counter[str]:
    """How often each kind of sync was called for a registration, in a child; the model has a version already."""

    def work() -> Counter[str]:
        counts: Counter[str] = Counter()

        def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            counts[name] += "sync" in name
            fail(name)
            return real(*args, **kwargs)

        injection.install(hook, storage=False)
        open_registry(root, workers=2).register("t", "m", "1", **what)
        return +counts

    return forks.run(work).get()  # type: ignore[no-any-return]


AFTER = 6  # .staging's entry in the root, the alias aside, the event, the version's entry and its mode, the alias


def test_one_call_is_for_all_but_the_first(root: Path, package: Path) -> None:
    assert counted(root, artifacts_dir=package) == {"fsync": syncing.FEW_FILES + AFTER, "syncfs": 1}


def test_a_large_file_is_synced_by_itself(root: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "SMALL_BYTES", LARGE_BYTES)
    monkeypatch.setattr(syncing, "FEW_FILES", 0)
    (package / "large").write_bytes(bytes(LARGE_BYTES))
    assert counted(root, artifacts_dir=package) == {"fsync": 1 + AFTER, "syncfs": 1}


def test_the_files_of_an_upload_are_synced_so_too(root: Path, package: Path) -> None:
    """Each is when it has come; then all are linked into the package, and made read-only."""
    registry = open_registry(root)
    upload_id = registry.begin_upload("t", "m").upload_id
    for path in sorted(path for path in package.rglob("*") if path.is_file()):
        file = registry.add_upload(upload_id, path.relative_to(package).as_posix(), path.stat().st_size)
        with path.open("rb", buffering=0) as reader:
            registry.receive(upload_id, file.file_id, 0, reader)
    assert counted(root, upload_id=upload_id) == {"fsync": syncing.FEW_FILES + AFTER, "syncfs": 1}


def only_each(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "an older kernel":
        monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(sysname="Linux", release="5.7.19-generic"))
    elif how == "another system":
        monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(sysname="Darwin", release="23.4.0"))
    elif how == "a filesystem of a network":
        monkeypatch.setattr(syncing, "_FILESYSTEMS", {0x6969: "nfs"})
    else:

        def forbidden(*_: int) -> int:
            ctypes.set_errno(errno.EPERM)
            return -1

        libc = SimpleNamespace(syncfs=forbidden, sync_file_range=forbidden, fstatfs=ctypes.CDLL(None).fstatfs)
        monkeypatch.setattr(syncing, "_libc", libc if how == "a sandbox that forbids it" else SimpleNamespace())
    syncing.kernel_tells.cache_clear()


@pytest.mark.parametrize(
    "how",
    [
        "an older kernel",
        "another system",
        "a filesystem of a network",
        "a sandbox that forbids it",
        "a library without it",
    ],
)
def test_elsewhere_each_file_is_synced(root: Path, package: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    only_each(monkeypatch, how)
    try:
        directories = 3 + 3  # of the package; itself, its attempt, and .staging
        own = 2  # the metadata and the manifest
        assert counted(root, artifacts_dir=package) == {"fsync": COUNT + own + directories + AFTER}
    finally:
        syncing.kernel_tells.cache_clear()


@pytest.mark.parametrize("call", ["syncfs", "wait_for_written"])
@pytest.mark.parametrize(("code", "expected"), [(errno.EIO, StorageUnavailable), (errno.ENOSPC, StorageFull)])
def test_what_it_could_not_write_is_not_registered(
    root: Path, package: Path, code: int, expected: type[RegistryError], call: str
) -> None:
    """Before all is synced, each file is asked for what was lost before the registration began."""

    def fail(name: str) -> None:
        if name == call:
            raise OSError(code, os.strerror(code))

    with pytest.raises(expected):
        counted(root, fail, artifacts_dir=package)
    assert raw.staging(root) == []
    assert [path.name for path in root.glob("tasks/*/models/*/versions/*")] == ["0"]
    assert open_registry(root).register("t", "m", "1", package).version == "1"


def test_the_calls_fail_with_what_the_kernel_says() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        syncing.syncfs(-1)
    with pytest.raises(OSError, match="Bad file descriptor"):
        syncing.wait_for_written(-1)


# as with a few files


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("name", ["register-new-model", "register-next-version"])
def test_the_acknowledged_is_on_the_disk(area: Path, name: str) -> None:
    for number, test in enumerate(
        (
            test_durability.test_the_acknowledged_is_on_the_disk,
            test_durability.test_everything_but_the_event_is_on_the_disk_before_the_event,
            test_durability.test_the_event_is_on_the_disk_before_anything_shows_it,
        )
    ):
        (area / str(number)).mkdir()
        test(area / str(number), name)


@pytest.mark.usefixtures("at_once")
def test_killed_anywhere_then_sent_again_at_once(area: Path) -> None:
    sweep = test_kill.Sweep.make("register-next-version", area)
    assert "syncfs" in sweep.calls()
    remove_tree(area / "source")
    remove_tree(area / "template")
    test_kill.test_killed_anywhere_then_sent_again_at_once(area, "register-next-version")

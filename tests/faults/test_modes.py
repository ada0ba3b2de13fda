"""Who may do what to the files of a root: whatever the umask, nobody whom no group lets in may write to one."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from registry_core import NotFound, StorageError
from registry_core.storage.filesystem import documents
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.locks import exclusive

from ..support import planted
from ..support.machine import need
from . import forks, injection

WORLD = 0o002
BY_HAND = {"0123", "package", ".uploads"}  # the table of places makes them


def made_by_every_verb(root: Path, source: Path, umask: int) -> dict[str, int]:
    """Place -> mode of all that was made for a registry, as it was made and as it is at the end."""

    def work() -> dict[str, int]:
        os.umask(umask)
        found: dict[str, int] = {}

        def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            result = real(*args, **kwargs)
            if name == "mkdir" or (name == "open" and args[1] & os.O_CREAT):
                path = injection.named(name, args, kwargs)[0]
                found[f"{path} when it was made"] = os.lstat(path).st_mode
            return result

        planted.make_root(root, source)
        injection.install(hook, storage=False)
        for verb in {**planted.READING, **planted.CHANGING}.values():
            with suppress(NotFound):
                verb(planted.open_registry(root), source)
        found.update({str(path): path.lstat().st_mode for path in root.rglob("*") if path.name not in BY_HAND})
        return found

    return forks.run(work).get()  # type: ignore[no-any-return]


def held_by_a_reader(root: Path) -> tuple[forks.Child, int]:
    """A process of another user that holds every file of the root that it can, and will not let go; and how many."""
    ready, begun = os.pipe()

    def hold() -> None:
        count = 0
        for path in [root, *root.rglob("*")]:
            with suppress(OSError):
                fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)
                count += 1
        os.write(begun, b"%d\n" % count)
        signal.pause()

    child = forks.Child(hold, uid=forks.ORDINARY_USER)
    with os.fdopen(ready, "rb") as told:
        count = int(told.readline())
    os.close(begun)
    return child, count


@pytest.mark.parametrize("verb", planted.CHANGING)
def test_whoever_may_read_a_root_stops_no_change_of_it(area: Path, verb: str) -> None:
    need(os.geteuid() == 0, "a second user needs root")
    root, source = area / "root", planted.make_source(area / "source")
    planted.make_root(root, source)
    planted.open_registry(root).unalias(planted.TASK, planted.MODEL, "latest")  # so that it can be deleted
    child, count = held_by_a_reader(root)
    assert count > 15, "it can read nothing"
    try:
        with planted.in_time():
            planted.CHANGING[verb](planted.open_registry(root, lock_timeout_s=0.2), source)
        assert planted.open_registry(root).check().is_finished
    finally:
        child.kill()
        child.join()


def test_whoever_may_read_a_root_stops_no_list_of_it(area: Path) -> None:
    need(os.geteuid() == 0, "a second user needs root")
    root, source = area / "root", planted.make_source(area / "source")
    planted.make_root(root, source)
    assert {stat.S_IMODE(file.stat().st_mode) for file in (root / ".catalog").iterdir()} == {0o640}


def test_a_lock_that_is_never_let_go_is_waited_for_no_longer_than_said(
    area: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the group may hold it: the model's, and the one for the moment in which a document is replaced."""
    root, source = area / "root", planted.make_source(area / "source")
    planted.make_root(root, source)
    monkeypatch.setattr(documents, "_RENAMES_WAIT_S", 0.1)
    model = root / "tasks" / planted.TASK / "models" / planted.MODEL
    for lock, committed in ((model / ".lock", None), (root / ".lock", True)):
        with exclusive(lock, 0), planted.in_time(), pytest.raises(StorageError) as caught:
            planted.open_registry(root, lock_timeout_s=0.1).promote(planted.TASK, planted.MODEL, "production", "1")
        assert caught.value.detail.get("committed") is committed
    assert planted.open_registry(root).recover() == [f"{planted.TASK}/{planted.MODEL}"]
    assert planted.open_registry(root).resolve(planted.TASK, f"{planted.MODEL}@production").version == "1"


def test_a_lock_file_that_older_software_let_everybody_read_is_its_owner_s_and_his_group_s(area: Path) -> None:
    root, source = area / "root", planted.make_source(area / "source")
    planted.make_root(root, source)
    locks = [root / ".lock", root / "tasks" / planted.TASK / "models" / planted.MODEL / ".lock"]
    inodes = [lock.stat().st_ino for lock in locks]
    for lock in locks:
        lock.chmod(0o666)
    planted.open_registry(root).promote(planted.TASK, planted.MODEL, "production", "1")
    assert [stat.S_IMODE(lock.stat().st_mode) for lock in locks] == [0o660, 0o660]
    assert [lock.stat().st_ino for lock in locks] == inodes, "whoever waits for the old file would not be kept out"


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077], ids=oct)
def test_nothing_in_a_root_can_be_written_by_everybody(area: Path, umask: int) -> None:
    root = area / "root"
    found = made_by_every_verb(root, planted.make_source(area / "source"), umask)
    assert len(found) > 50, "the hook sees nothing"
    assert not {path: oct(mode) for path, mode in found.items() if mode & WORLD}
    journal = found[str(root / "tasks" / planted.TASK / "models" / planted.MODEL / "audit" / "promotions.jsonl")]
    assert stat.S_IMODE(journal) == 0o664 & ~umask, "a group is let in as ever"
    assert stat.S_IMODE(found[str(root / ".staging")]) == 0o775 & ~umask


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_private_document_is_its_owners_from_the_first_moment_on(tmp_path: Path, umask: int) -> None:
    """A token's, whoever else of the group may read the root."""

    def work() -> dict[str, int]:
        os.umask(umask)
        found: dict[str, int] = {}

        def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            result = real(*args, **kwargs)
            if name == "open" and args[1] & os.O_CREAT:
                path = injection.named(name, args, kwargs)[0]
                found[Path(path).suffix] = stat.S_IMODE(os.lstat(path).st_mode)
            return result

        storage = FilesystemStorage(tmp_path)
        storage.documents.write("a/before", b"")  # the directories
        injection.install(hook, storage=False)
        for _ in range(2):  # over one that others may read, too
            storage.documents.write("a/before", b"secret", is_private=True)
        found["there"] = stat.S_IMODE((tmp_path / "a/before").stat().st_mode)
        return found

    tmp_path.chmod(0o700)
    made = forks.run(work).get()
    assert made[".doc"] == made["there"] == 0o600 & ~umask

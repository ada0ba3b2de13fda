"""Whatever becomes of the catalogue's file, lists come back by themselves, and no verb fails for it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from registry_core import ModelRegistry, StorageUnavailable
from registry_core.catalogue.catalogue import Catalogue
from registry_core.catalogue.database import KEEP_FREE_BYTES, Database, fact

from ..faults import forks
from ..faults.conftest import small_disk  # noqa: F401 - a fixture
from ..support.machine import MIB, need
from ..support.old_registry import OldRegistry
from .shelf import Shelf, titles

MODELS = [f"m{number}" for number in range(8)]
TITLES = [f"{name}@1" for name in MODELS]


@pytest.fixture
def full(shelf: Shelf) -> Shelf:
    for name in MODELS:
        shelf.add(name, "1", tags={"tissue": "lung"}, notes=os.urandom(400).hex())
    assert titles(shelf.registry) == TITLES
    return shelf


def comes_back(registry: ModelRegistry) -> list[str]:
    """The list, once it answers again. Each refusal says that trying again helps; few are needed."""
    for _ in range(4):
        try:
            return titles(registry)
        except StorageUnavailable as error:
            assert error.detail["retry_after_s"] <= 5
    return titles(registry)


def everything_works(shelf: Shelf, *registries: ModelRegistry) -> None:
    """Verbs first, which may not fail; then lists of all processes, old and new."""
    shelf.registry.tag("t", "m0", "1", "team", "a")
    for registry in (shelf.registry, *registries, shelf.opened()):
        assert comes_back(registry) == TITLES
        assert titles(registry, tags=("team:a",)) == ["m0@1"]
        assert registry.last_event()
        assert registry.catalog_state.ready
    shelf.registry.tag("t", "m1", "1", "team", "a")
    assert [titles(registry, tags=("team:a",)) for registry in registries] == [["m0@1", "m1@1"]] * len(registries)


def _garbage(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(random.Random(start).randbytes(length))


def _as_other_software(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (a)")
        connection.execute("PRAGMA user_version = 2")


def _of_another_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE version")
        connection.execute("PRAGMA user_version = 99")


def _truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


WRECKS: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "directory deleted": lambda path: shutil.rmtree(path.parent),
    "only its log left": lambda path: (path.unlink(), Path(f"{path}-wal").write_bytes(b"\x37\x7f\x06\x82" * 5000)),
    "its log deleted": lambda path: Path(f"{path}-wal").unlink(missing_ok=True),
    "emptied": lambda path: _truncate(path, 0),
    "half a page": lambda path: _truncate(path, 2048),
    "one page": lambda path: _truncate(path, 4096),
    "half of it": lambda path: _truncate(path, path.stat().st_size // 8192 * 4096),
    "garbage all over": lambda path: _garbage(path, 0, path.stat().st_size),
    "garbage in the head": lambda path: _garbage(path, 0, 100),
    "garbage behind the head": lambda path: _garbage(path, 4096, path.stat().st_size - 4096),
    "another program's database": _as_other_software,
    "of another version": _of_another_version,
    "no database": lambda path: path.write_text("to be done\n" * 1000),
}


@pytest.mark.parametrize("wreck", WRECKS)
def test_the_file_is_wrecked_while_in_use(full: Shelf, wreck: str) -> None:
    beside = full.opened()
    assert titles(beside) == TITLES
    with closing(sqlite3.connect(full.catalogue)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that there is something to lose
    WRECKS[wreck](full.catalogue)
    everything_works(full, beside)


@pytest.mark.parametrize("wreck", WRECKS)
def test_the_file_is_wrecked_before_the_start(full: Shelf, wreck: str, area: Path) -> None:
    kept = area / "kept"
    registry = full.opened(catalog_dir=kept)
    assert titles(registry) == TITLES
    (path,) = kept.glob("*.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(kept, area / "again")
    (path,) = (area / "again").glob("*.sqlite")  # a file that nobody has open
    WRECKS[wreck](path)
    fresh = full.opened(catalog_dir=area / "again")
    fresh.tag("t", "m0", "1", "team", "a")
    assert comes_back(fresh) == TITLES
    assert titles(fresh, tags=("team:a",)) == ["m0@1"]


def test_a_directory_stands_in_its_place(full: Shelf) -> None:
    path = full.catalogue
    path.unlink()
    path.mkdir()
    full.registry.tag("t", "m0", "1", "team", "a")
    with pytest.raises(StorageUnavailable):
        full.registry.list_models()
    assert not full.registry.catalog_state.ready
    path.rmdir()
    assert titles(full.registry, tags=("team:a",)) == ["m0@1"]


# disks


def on_a_tight_disk(disk: Path, work: Callable[[Path], None]) -> None:
    """The work, in a process of its own: a file that is open keeps a disk from going away."""
    forks.run(lambda: work(disk)).get()


def _fill(disk: Path, leave_bytes: int) -> Path:
    ballast = disk / "ballast"
    volume = os.statvfs(disk)
    ballast.write_bytes(bytes(volume.f_bavail * volume.f_frsize - leave_bytes))
    return ballast


def test_a_disk_that_is_full_from_the_start(full: Shelf, small_disk: Callable[..., Path]) -> None:  # noqa: F811
    """Nothing of a catalogue that does not fit is left on it, and the registry goes on."""

    def work(disk: Path) -> None:
        ballast = _fill(disk, KEEP_FREE_BYTES + 200 * 1024)
        registry = full.opened(0.0, disk / "catalogue")
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                registry.list_models()
        registry.tag("t", "m0", "1", "team", "a")
        assert sum(path.stat().st_size for path in (disk / "catalogue").iterdir()) == 0
        assert not registry.catalog_state.ready
        ballast.unlink()
        fresh = full.opened(0.0, disk / "catalogue")
        assert titles(fresh, tags=("team:a",)) == ["m0@1"]

    on_a_tight_disk(small_disk(KEEP_FREE_BYTES + 4 * MIB), work)


def test_a_disk_that_fills_up_later(full: Shelf, small_disk: Callable[..., Path]) -> None:  # noqa: F811
    """Lists stay as they are, and follow when there is room again."""

    def work(disk: Path) -> None:
        registry = full.opened(0.0, disk / "catalogue")
        assert titles(registry) == TITLES
        ballast = _fill(disk, 0)
        registry.tag("t", "m0", "1", "team", "a")
        assert titles(registry) == TITLES
        assert titles(registry, tags=("team:a",)) == []
        ballast.unlink()
        assert titles(full.opened(0.0, disk / "catalogue"), tags=("team:a",)) == ["m0@1"]

    on_a_tight_disk(small_disk(KEEP_FREE_BYTES + 4 * MIB), work)


# users


def _as_user(work: Callable[[], object], shelf: Shelf) -> object:
    """What the work returns, done by an ordinary user who owns the registry."""
    need(os.geteuid() == 0, "becoming another user needs root; run the tests as root in a container of their own")
    for directory, names, files in os.walk(shelf.root):
        if ".catalog" not in directory:
            for name in (".", *names, *files):
                if name != ".catalog":
                    os.chown(Path(directory) / name, forks.ORDINARY_USER, forks.ORDINARY_USER)
    return forks.run_as_ordinary_user(work).get()


def _lists(shelf: Shelf, value: str) -> list[str]:
    tempfile.tempdir = None
    registry = shelf.opened()
    registry.tag("t", "m0", "1", "team", value)
    assert comes_back(registry) == TITLES
    registry.tag("t", "m1", "1", "team", value)
    return titles(registry, tags=(f"team:{value}",))


@pytest.mark.parametrize(
    ("directory_mode", "file_mode", "lock_mode"),
    [(0o755, 0o644, 0o644), (0o777, 0o644, 0o666), (0o777, 0o600, 0o644), (0o700, 0o600, 0o600)],
    ids=["not theirs", "a file of root's", "locks of root's", "not even to look at"],
)
def test_a_catalogue_that_root_has_made(
    full: Shelf, monkeypatch: pytest.MonkeyPatch, area: Path, directory_mode: int, file_mode: int, lock_mode: int
) -> None:
    (area / "tmp").mkdir()
    (area / "tmp").chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(area / "tmp"))
    full.registry.reindex()
    for path in full.catalogue.parent.iterdir():
        path.chmod(lock_mode if path.suffix in (".lock", ".refresh") else file_mode)
    full.catalogue.parent.chmod(directory_mode)
    assert _as_user(lambda: _lists(full, "a"), full) == ["m0@1", "m1@1"]
    assert titles(full.opened(0.0), tags=("team:a",)) == ["m0@1", "m1@1"]


def test_a_configured_place_that_cannot_be_written(full: Shelf, area: Path) -> None:
    """It is not silently another place; and verbs go on."""
    place = area / "place"
    place.mkdir(mode=0o555)

    def work() -> str:
        registry = full.opened(catalog_dir=place)
        registry.tag("t", "m0", "1", "team", "a")
        with pytest.raises(StorageUnavailable) as refused:
            registry.list_models()
        assert not registry.catalog_state.ready
        return refused.value.code

    assert _as_user(work, full) == "storage_unavailable"


# processes


def test_many_processes_that_need_it_at_once(full: Shelf) -> None:
    full.lose_catalogue()
    works: list[Callable[[], list[str]]] = [lambda: titles(full.opened()) for _ in range(4)]
    works.append(lambda: full.opened().reindex() and titles(full.opened()))  # type: ignore[arg-type, return-value]

    def change() -> list[str]:
        registry = full.opened()
        for number in range(10):
            registry.tag("t", "m7", "1", "team", str(number))
        return TITLES

    works.append(change)
    for outcome in forks.race(works):
        assert outcome.get() == TITLES
    assert titles(full.opened(), tags=("team:9",)) == ["m7@1"]


def test_the_file_is_replaced_in_the_middle_of_a_question(full: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one that has nothing in it yet: no list may be made of that."""
    real = Catalogue.ensure_fresh
    replaced: list[str] = []

    def ensure_fresh(catalogue: Catalogue) -> None:
        real(catalogue)
        if len(replaced) % 2 == 0:
            path = full.catalogue
            path.unlink()
            with Database(path).reading() as connection:
                assert fact(connection, "built") is None
        replaced.append("once")

    whole = full.registry.events("", 100)
    monkeypatch.setattr(Catalogue, "ensure_fresh", ensure_fresh)
    registry = full.opened()
    assert titles(registry) == TITLES
    assert registry.list_tasks()[0].models == len(MODELS)
    assert [event.event for event in registry.events("", 100)] == [event.event for event in whole]
    assert not registry.last_event().endswith(".0."), "the id of an empty catalogue"


def test_processes_that_change_one_model_at_once(full: Shelf) -> None:
    """Each sees its own change at once, whoever else writes the model's rows meanwhile."""

    def change(number: int) -> Callable[[], list[list[str]]]:
        def work() -> list[list[str]]:
            registry = full.opened()
            found = []
            for step in range(8):
                registry.tag("t", "m0", "1", f"key{number}", str(step))
                found.append(titles(registry, tags=(f"key{number}:{step}",)))
            return found

        return work

    for outcome in forks.race([change(number) for number in range(4)]):
        assert outcome.get() == [["m0@1"]] * 8


@pytest.mark.parametrize("moment", ["between models", "in a transaction", "while it is made", "before it is whole"])
def test_killed_while_it_builds(full: Shelf, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        registry = full.opened()
        patched = {
            "in a transaction": "registry_core.catalogue.event_stream.happened_before",
            "while it is made": "registry_core.catalogue.database.Database._unlink",
            "before it is whole": "registry_core.catalogue.event_stream.put_in_order",
        }
        if moment in patched:
            monkeypatch.setattr(patched[moment], die)
        registry.reindex(progress=lambda state: die() if state.models_done == 4 else None)

    assert forks.run(work).signal == signal.SIGKILL
    full.registry.tag("t", "m0", "1", "team", "a")
    assert comes_back(full.registry) == TITLES
    assert titles(full.opened(), tags=("team:a",)) == ["m0@1"]
    events = [(event.event.model_name, event.event.seq) for event in full.opened().events("", 100)]
    assert events == [*((name, 1) for name in MODELS), ("m0", 2)], "events are in the order of their times"


def test_what_is_added_while_a_reader_holds_an_old_file(full: Shelf) -> None:
    """Nothing of a file that was deleted is written into, or read from, after a new one is there."""
    beside = full.opened(0.0)
    assert titles(beside) == TITLES
    full.opened().reindex()
    OldRegistry(full.root).model("t", "old").version("1", alias=None)
    assert titles(beside) == sorted([*TITLES, "old@1"])
    assert titles(full.registry) == sorted([*TITLES, "old@1"])


def test_a_sweep_removes_what_hosts_that_are_no_more_have_left(shelf: Shelf) -> None:
    """By the last use of any of its files; the own one, and what is no catalogue, stay."""
    shelf.add("m", "1")
    shelf.registry.list_models()
    top = shelf.root / ".catalog"
    (own,) = top.glob("catalog-*.sqlite")
    now = time.time()
    for name, days in (
        ("catalog-gone.sqlite", 8),
        ("catalog-used.sqlite", 30),
        ("catalog-new.sqlite", 6),
        (f"{own.stem}.log.sqlite", 90),
        ("catalog-gone.log.sqlite", 8),
        ("other", 90),
    ):
        for suffix in ("",) if name == "other" else ("", "-wal", ".lock", ".keeper"):
            (top / f"{name}{suffix}").write_bytes(b"x")
            age_s = 86400 * (1 if (name, suffix) == ("catalog-used.sqlite", "-wal") else days)
            os.utime(top / f"{name}{suffix}", (now - age_s, now - age_s))
    os.utime(own, (0, 0))
    before = set(top.iterdir())
    left = [f".catalog/catalog-gone{kind}.sqlite" for kind in (".log", "")]
    assert shelf.registry.sweep(0, dry_run=True).removed == left
    assert set(top.iterdir()) >= before
    assert shelf.registry.sweep(9 * 86400).removed == []
    assert shelf.registry.sweep(0).removed == left
    gone = {top.parent / f"{name}{suffix}" for name in left for suffix in ("", "-wal", ".lock", ".keeper")}
    assert before - set(top.iterdir()) == gone

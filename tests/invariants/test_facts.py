"""E6, facts run no code: whatever lies in a package, it is told for what it is, within bounds, and registered."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_core import ModelRegistry
from registry_core.packages.facts import judge
from registry_core.packages.facts.bounds import FILE_BYTES
from registry_core.packages.facts.file_bytes import of_bytes
from registry_core.packages.reading_facts import AtRegister
from registry_core.storage.contract import Readable
from registry_core.storage.memory.packages import MemoryStaging
from registry_core.vocabulary.errors import StorageUnavailable

from ..core.packages.facts.files import EVERY
from ..support.machine import remove_tree
from ..support.packages import write_files
from .test_proven import InBucket, InMemory, OnDisk, Place

FILES = {f"{load}/{path}": data for load, files in EVERY.items() for path, data in files.items()}


@pytest.fixture(params=["disk", "object store", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "root"
    root.mkdir()
    yield {"object store": InBucket, "memory": InMemory}.get(request.param, lambda: OnDisk(root, 0o444))()
    remove_tree(root)


def registered(registry: ModelRegistry, source: Path, version: str = "1") -> dict[str, object]:
    registry.register("t", "m", version, source)
    facts = registry.history("t", "m").events[-1].facts
    assert facts is not None
    return facts


RUNS = ("exec", "compile", "import", "marshal.loads", "pickle.find_class", "os.system", "subprocess.Popen", "os.exec")


@pytest.fixture(scope="module")
def ran() -> list[tuple[str, object]]:
    """Whatever the interpreter ran, while the list is being looked at: then its first item is there."""
    seen: list[tuple[str, object]] = []
    sys.addaudithook(lambda event, words: seen.append((event, words)) if seen and event in RUNS else None)
    return seen


def test_E6_facts_run_no_code(place: Place, tmp_path: Path, ran: list[tuple[str, object]]) -> None:
    """Every crafted file there is, registered at once: none is run, imported or refused."""
    source = write_files(tmp_path / "source", FILES)
    registry = place.open()
    registered(registry, write_files(tmp_path / "first", {"a": b"a"}), "0")  # all that registering imports is there
    ran[:] = [("begun", None)]
    facts = registered(registry, source)
    assert ran == [("begun", None)]
    ran.clear()
    assert facts["load"] == "code"
    assert facts["formats"]["safetensors"] >= 2  # type: ignore[index]


@pytest.mark.parametrize("load", EVERY)
def test_E6_a_package_is_as_its_worst_file(place: Place, tmp_path: Path, load: str) -> None:
    facts = registered(place.open(), write_files(tmp_path / "source", dict(EVERY[load])))
    assert facts["load"] == load
    assert sum(facts["formats"].values()) == len(EVERY[load])  # type: ignore[attr-defined]


def test_E6_a_file_that_cannot_be_read_again_fails_no_register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(staging: MemoryStaging, path: str, start: int = 0, length: int | None = None) -> Readable:
        raise StorageUnavailable("away")

    monkeypatch.setattr(MemoryStaging, "open", away)
    facts = registered(InMemory().open(), write_files(tmp_path / "source", {"a.safetensors": b"x"}))
    assert (facts["load"], facts["formats"]) == ("unreadable", {"binary": 1})


def test_E6_what_breaks_the_readers_fails_no_register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object) -> None:
        raise MemoryError

    monkeypatch.setattr(judge.as_pickles, "read", broken)
    facts = registered(InMemory().open(), write_files(tmp_path / "source", {"a.txt": b"x"}))
    assert facts["load"] == "unreadable"
    monkeypatch.setattr(AtRegister, "_workers", None, raising=False)
    assert judge.judge("a.txt", of_bytes(b"x"), judge.Left()).load == "unreadable"


def test_E6_a_large_file_costs_bounded_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sparse file that says of itself whatever makes a reader go on."""
    source, fetched = write_files(tmp_path / "source", {"a": b"x"}), []
    with (source / "large.npz").open("wb") as file:
        file.write(b"\x80\x04\x8e" + (2**27 - 100).to_bytes(8, "little"))
        file.truncate(2**27)
    root = tmp_path / "root"
    root.mkdir()
    observe = AtRegister.observe

    def counted(self: AtRegister, incoming: object) -> object:
        staging = incoming.staging  # type: ignore[attr-defined]
        opened = staging.open
        staging.open = lambda path, start, length: fetched.append(length) or opened(path, start, length)
        return observe(self, incoming)  # type: ignore[arg-type]

    monkeypatch.setattr(AtRegister, "observe", counted)
    facts = registered(OnDisk(root, 0o444).open(), source)
    assert facts["load"] == "unreadable"
    assert 0 < sum(fetched) < 1024 * 1024 < FILE_BYTES
    remove_tree(root)

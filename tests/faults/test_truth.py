"""An error says whether something has changed, whatever failed and wherever."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, RegistryError, StorageUnavailable
from registry_core.verbs import annotating

from ..core.simulated import Simulated
from ..support.machine import remove_tree
from ..support.packages import write_files

TASK, MODEL = "t", "m"
Verb = Callable[[ModelRegistry, Path], Any]

VERBS: dict[str, Verb] = {
    "register": lambda registry, source: registry.register(TASK, MODEL, "4", source),
    "promote": lambda registry, _: registry.promote(TASK, MODEL, "production", "2"),
    "rollback": lambda registry, _: registry.rollback(TASK, MODEL, "production"),
    "unalias": lambda registry, _: registry.unalias(TASK, MODEL, "production"),
    "tag": lambda registry, _: registry.tag(TASK, MODEL, "1", "tissue", "blood"),
    "patch": lambda registry, _: registry.patch(TASK, MODEL, "1", description="two donors"),
    "stage": lambda registry, _: registry.stage(TASK, MODEL, "2", "production"),
    "stage-none": lambda registry, _: registry.stage(TASK, MODEL, "3", "none"),
    "stage-archived": lambda registry, _: registry.stage(TASK, MODEL, "1", "archived"),
    "delete": lambda registry, _: registry.delete(TASK, MODEL, "1", reason="wrong"),
    "restore": lambda registry, _: registry.restore(TASK, MODEL, "gone"),
}


def fill(registry: ModelRegistry, sources: Path) -> Path:
    for version in ("1", "2", "3", "gone"):
        source = write_files(sources / version, {"model.pt": version.encode()})
        registry.register(TASK, MODEL, version, source, set_alias=None)
    for version in ("2", "3"):
        registry.promote(TASK, MODEL, "production", version)
    registry.promote(TASK, MODEL, "staging", "3")
    registry.delete(TASK, MODEL, "gone", reason="not needed")
    return write_files(sources / "new", {"model.pt": b"new"})


def events(registry: ModelRegistry) -> int:
    return len(registry.history(TASK, MODEL, limit=1000).events)


def told(act: Callable[[], Any]) -> int:
    """How many events the verb says that it has made, whatever becomes of it."""
    try:
        act()
    except RegistryError as error:
        return 1 if error.detail.get("committed") else 0
    return 1


@contextmanager
def no_closing(monkeypatch: pytest.MonkeyPatch, at: int) -> Iterator[list[int]]:
    """The call of close(2) of that number fails, after it has closed the file: what Linux does."""
    closed: list[int] = []

    def close(fd: int, real: Callable[[int], None] = os.close) -> None:
        closed.append(fd)
        real(fd)
        if len(closed) == at:
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", close)
        yield closed


@pytest.mark.parametrize("verb", VERBS)
def test_I14_a_file_that_cannot_be_closed(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "filled").mkdir()
    source = fill(ModelRegistry.open(tmp_path / "filled"), tmp_path / "sources")
    at = closes = 0  # at first none fails, and they are counted
    while at <= closes:
        place = tmp_path / str(at)
        shutil.copytree(tmp_path / "filled", place, symlinks=True)
        registry = ModelRegistry.open(place)
        before = events(registry)
        with no_closing(monkeypatch, at) as closed:
            committed = told(lambda: VERBS[verb](registry, source))  # noqa: B023
        assert events(registry) - before == committed
        closes = max(closes, len(closed))
        again = ModelRegistry.open(place)
        list(again.recover())
        assert [finding for finding in again.check().findings if finding.severity == "damage"] == []
        remove_tree(place)
        at += 1
    assert closes > 3, "nothing was closed"


@pytest.mark.parametrize("verb", ["tag", "patch", "stage", "stage-none", "stage-archived"])
def test_I14_an_answer_that_cannot_be_made(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ModelRegistry.open("memory://", storage=Simulated())
    source = fill(registry, tmp_path)
    before = events(registry)

    def fails(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(annotating.annotation, "said", fails)
    with pytest.raises(StorageUnavailable) as raised:
        VERBS[verb](registry, source)
    assert (raised.value.detail["committed"], raised.value.detail["seq"]) == (True, before + 1)
    assert events(registry) == before + 1


@pytest.mark.parametrize("verb", VERBS)
def test_I14_whatever_the_storage_does(verb: str, tmp_path: Path) -> None:
    """Each call of the storage fails once, before it does anything."""

    def fails(_: Callable[[], Any]) -> None:
        raise StorageUnavailable("The storage is away.")

    calls = names(verb, tmp_path / "first")
    for name in sorted(set(calls)):
        for passed in range(calls.count(name)):
            storage = Simulated()
            registry = ModelRegistry.open("memory://", storage=storage)
            source = fill(registry, tmp_path / f"{name}-{passed}")
            before = events(registry)
            storage.acts.first(name, *[lambda real: real() for _ in range(passed)], fails)
            committed = told(lambda: VERBS[verb](registry, source))  # noqa: B023
            storage.acts.forget()
            assert events(registry) - before == committed, (name, passed)


def names(verb: str, place: Path) -> list[str]:
    storage = Simulated()
    registry = ModelRegistry.open("memory://", storage=storage)
    source = fill(registry, place)
    return storage.acts.during(lambda: VERBS[verb](registry, source))


def test_I14_a_stage_is_one_event(tmp_path: Path) -> None:
    """The lock may be lost between two events, but not within one; readers of the past see all of it or nothing."""
    registry = ModelRegistry.open("memory://", storage=Simulated())
    fill(registry, tmp_path)
    registry.stage(TASK, MODEL, "3", "archived", reason="wrong donor")
    before = events(registry)
    then = registry.history(TASK, MODEL, after=before - 1).events[0].ts_utc
    done = registry.stage(TASK, MODEL, "3", "none", actor="ada")
    assert (done.stage, done.seq) == ("none", before + 1)
    (event,) = registry.history(TASK, MODEL, after=before).events
    assert (event.event, event.version, event.alias, event.actor) == ("stage", "3", None, "ada")
    assert sorted(event.unaliased or []) == ["production", "staging"]
    assert event.set == {"archived": False}
    assert registry.list_aliases(TASK, MODEL) == []
    assert registry.show(TASK, f"{MODEL}@3").aliases == []
    assert registry.show(TASK, f"{MODEL}@3", as_of=then).aliases == ["production", "staging"]
    assert [event.seq for event in registry.history(TASK, MODEL, alias="production").events][-1] == done.seq
    assert registry.check().findings == []
    assert registry.promote(TASK, MODEL, "production", "1").previous_version is None
    assert registry.rollback(TASK, MODEL, "production").version == "3"

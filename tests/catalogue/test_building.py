"""A first build: by however many processes, killed wherever, it ends with the same tables, and reads nothing twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generate import generate
from registry_core import CoreSettings, ModelRegistry
from registry_core.catalogue import building, crew, whole_model
from registry_core.catalogue.database import Database

from ..faults import forks
from .tables import contents, opened

MODELS, VERSIONS = 12, 40


@pytest.fixture
def root(area: Path) -> Path:
    generate(area / "root", MODELS, VERSIONS, workers=1)
    return area / "root"


def _opened(root: Path, kept: Path, workers: int = 1) -> ModelRegistry:
    settings = CoreSettings(root=str(root), workers=workers, catalog_refresh_s=3600.0, catalog_dir=str(kept))
    return ModelRegistry.open(settings=settings)


def _tables(root: Path, kept: Path, workers: int = 1) -> dict[str, list[tuple[Any, ...]]]:
    assert _opened(root, kept, workers).list_models(limit=1).total == MODELS * VERSIONS
    return contents(*kept.glob("*.sqlite"))


def make_steps_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few versions are many to it."""
    monkeypatch.setattr(crew, "ALONE_VERSIONS", 50)
    monkeypatch.setattr(whole_model, "AT_ONCE", 15)
    monkeypatch.setattr(building, "ROWS_AT_ONCE", 15)
    monkeypatch.setattr(building, "WORDS_AT_ONCE", 70)
    monkeypatch.setattr(building, "MODELS_AT_ONCE", 2)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    make_steps_small(monkeypatch)


def test_several_processes_make_what_one_makes(root: Path, area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _tables(root, area / "one")
    with monkeypatch.context() as patched:
        make_steps_small(patched)
        hands: list[Any] = []
        real = crew._Hand.__init__
        patched.setattr(crew._Hand, "__init__", lambda hand, directory: (hands.append(hand), real(hand, directory))[1])
        assert _tables(root, area / "several", workers=2) == expected
        assert len(hands) == 2
        assert [hand._process.poll() for hand in hands] == [-signal.SIGKILL] * 2, "nobody of them is left"
    ours = {sql for table, sql in _schema(area / "one")}
    assert {sql for table, sql in _schema(area / "several")} == ours


def _schema(kept: Path) -> list[tuple[str, str]]:
    (path,) = kept.glob("*.sqlite")
    with opened(path) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()


def test_processes_that_die_are_done_without(
    root: Path, area: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real: Callable[..., Any] = crew._Hand.do

    def do(hand: Any, work: str, given: object) -> Any:
        found = real(hand, work, given)
        hand._process.kill()  # it answers once
        hand._process.wait()
        return found

    expected = _tables(root, area / "one")
    monkeypatch.setattr(crew._Hand, "do", do)
    assert _tables(root, area / "several", workers=2) == expected
    assert "a process that was to read models does not" in caplog.text


def test_processes_that_cannot_be_started_are_done_without(
    root: Path, area: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _tables(root, area / "one")
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert _tables(root, area / "several", workers=2) == expected


def test_what_is_wrong_with_a_model_is_told_as_by_one(
    root: Path, area: Path, small_steps: None, caplog: pytest.LogCaptureFixture
) -> None:
    (package, *_) = sorted(root.glob("tasks/*/models/*/versions/*"))
    package.chmod(0o755)
    (package / "model_meta.json").unlink()
    told = []
    for workers in (1, 2):
        caplog.clear()
        _opened(root, area / f"by{workers}", workers).last_event()
        told.append(sorted(record.getMessage() for record in caplog.records if "left out" in record.getMessage()))
    assert len(told[0]) == 1
    assert told[0] == told[1]


MOMENTS = [("flush", n) for n in (1, 2, 5, 17)] + [("transaction", n) for n in (2, 9, 34, 45, 58, 62)]


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_killed_in_the_middle_it_goes_on_behind_what_is_whole(
    root: Path, area: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch, moment: tuple[str, int]
) -> None:
    expected = _tables(root, area / "one")
    kind, left = moment
    steps = iter(range(1, 1000))

    def work() -> None:
        def count_down(real: Callable[..., Any]) -> Callable[..., Any]:
            def step(*given: Any) -> Any:
                found = real(*given)
                if next(steps) == left:
                    os.kill(os.getpid(), signal.SIGKILL)
                return found

            return step

        if kind == "flush":
            monkeypatch.setattr(building._Writer, "flush", count_down(building._Writer.flush))
        else:  # as each transaction begins, those that make the indexes too
            monkeypatch.setattr(Database, "_require_room", count_down(Database._require_room))
        _opened(root, area / "killed").last_event()

    assert forks.run(work).signal == signal.SIGKILL
    (path,) = (area / "killed").glob("*.sqlite")
    with opened(path) as connection:
        whole = set(connection.execute("SELECT task, name FROM model WHERE is_whole = 1"))
    read: list[tuple[str, str]] = []
    real = whole_model.outlines
    monkeypatch.setattr(whole_model, "outlines", lambda storage, names: (read.extend(names), real(storage, names))[1])
    assert _tables(root, area / "killed") == expected
    assert len(read) == len(set(read))
    assert len(read) + len(whole) == MODELS
    assert not set(read) & whole

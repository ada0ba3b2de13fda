"""A host whose clock is not the storage's changes nothing, and does again as soon as it is right."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from registry_core import ClockWrong, CoreSettings, ModelRegistry
from registry_core.registry import opening

from ..support.packages import write_package
from .registry.guarded import OWN, house
from .simulated import Simulated

HOUR_S = 3600.0


class Elsewhere(Simulated):
    """A storage with a clock of its own, so many seconds ahead of this host's."""

    ahead_s: float | None = 0.0

    def now(self) -> float | None:
        self.acts.do("now", lambda: None)
        return None if self.ahead_s is None else time.time() + self.ahead_s


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S, 301.0, -301.0])
def test_a_clock_that_is_wrong_changes_nothing_until_it_is_right(tmp_path: Path, ahead_s: float) -> None:
    storage, source = Elsewhere(), write_package(tmp_path / "source")
    storage.ahead_s = ahead_s
    registry = ModelRegistry.open("memory://", settings=CoreSettings(), storage=storage)
    for _ in range(2):
        with pytest.raises(ClockWrong) as caught:
            registry.register("t", "m", "1", source)
        assert caught.value.code == "clock_wrong"
        assert caught.value.detail["now"] != caught.value.detail["storage_now"]
    assert storage.documents.last("tasks/t/models/m/audit/promotions.jsonl") is None
    storage.ahead_s = 0.0
    registry.register("t", "m", "1", source)


@pytest.mark.parametrize("ahead_s", [None, 0.0, 290.0, -290.0])
def test_clocks_that_differ_by_less_or_cannot_be_told_are_right(tmp_path: Path, ahead_s: float | None) -> None:
    storage = Elsewhere()
    storage.ahead_s = ahead_s
    registry = ModelRegistry.open("memory://", settings=CoreSettings(), storage=storage)
    assert registry.register("t", "m", "1", write_package(tmp_path / "source")).version == "1"


def test_it_is_asked_once_a_minute_and_never_by_who_only_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, source = Elsewhere(), write_package(tmp_path / "source")
    registry = ModelRegistry.open("memory://", settings=CoreSettings(), storage=storage)
    registry.list_models()
    registry.check()
    assert "now" not in storage.acts.calls
    for version in "123":
        registry.register("t", "m", version, source)
    assert storage.acts.calls.count("now") == 1
    monkeypatch.setattr(opening, "CLOCK_EVERY_S", 0.0)
    registry = ModelRegistry.open("memory://", settings=CoreSettings(), storage=storage)
    registry.promote("t", "m", "production", "1")
    registry.promote("t", "m", "production", "2")
    assert storage.acts.calls.count("now") > 2


def test_whoever_the_rules_let_change_something_is_held_back_too(tmp_path: Path) -> None:
    storage = Elsewhere()
    here = house(storage, tmp_path)
    before = here.registry.history(OWN, "m").events
    storage.ahead_s = HOUR_S
    with pytest.raises(ClockWrong):
        here.as_("publisher").promote(OWN, "m", "candidate", "2")
    assert here.registry.history(OWN, "m").events == before

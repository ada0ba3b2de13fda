"""A question that is asked again by the clock, and whatever asks it with each step."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from registry_core import Progress
from registry_core.models import asking
from registry_core.models.asking import AskedReader, Asking


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asking, "time", clock)
    return clock


def noting(found: list[str], name: str) -> Callable[[], None]:
    return lambda: found.append(name)


def test_it_is_asked_where_its_answer_is_five_seconds_old(clock: Clock) -> None:
    asked: list[str] = []
    ask = Asking(noting(asked, "rules"), noting(asked, "who"))
    for clock.now in (0, 4.9, 5, 5.1, 9.9, 10, 14, 15):
        ask()
    assert asked == ["who", "rules"] * 3


def test_before_a_change_only_the_rules_are_asked_and_at_once(clock: Clock) -> None:
    """Who calls may be a question to another machine, and others wait for the lock."""
    asked: list[str] = []
    ask = Asking(noting(asked, "rules"), noting(asked, "who"))
    ask.add(noting(asked, "more"))
    ask.now()
    assert asked == ["rules", "more"]
    clock.now = 4
    ask()
    assert asked == ["rules", "more"]


def test_what_refuses_is_asked_again_by_whoever_comes_next(clock: Clock) -> None:
    def refuse() -> None:
        raise PermissionError

    ask = Asking(refuse)
    clock.now = 6
    for _ in range(2):
        with pytest.raises(PermissionError):
            ask()


def test_a_reader_and_a_callback_ask(clock: Clock) -> None:
    asked: list[str] = []
    ask, told = Asking(noting(asked, "rules")), list[Progress]()
    reader = AskedReader(io.BytesIO(b"abcdef"), ask)
    with reader:
        assert reader.read(2) == b"ab"
        clock.now = 6
        buffer = bytearray(2)
        assert reader.readinto(memoryview(buffer)) == 2
        assert (bytes(buffer), asked) == (b"cd", ["rules"])
        assert reader.tell() == 4, "all else is the reader's own"
        clock.now = 12
        assert reader.read() == b"ef"
    assert asked == ["rules"] * 2
    clock.now = 18
    ask.also(told.append)(Progress(1, 2, 0, 1))
    clock.now = 24
    ask.also(None)(Progress(2, 2, 1, 1))
    assert (len(asked), told) == (4, [Progress(1, 2, 0, 1)])

"""A machine whose operator has not installed the library that keys are read with."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from registry_core.evidence.rules import rulebook
from registry_core.vocabulary.bounded import Bounded


@pytest.fixture
def without_cryptography(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on it is not there, and nothing is remembered of what was read with it."""

    def take_away() -> None:
        monkeypatch.setitem(sys.modules, "cryptography", None)
        monkeypatch.setattr(rulebook, "_remembered", Bounded(rulebook.MOST_REMEMBERED_BYTES, lambda one: one[0]))

    return take_away

"""A journal that is not what was written says so in each answer that goes along it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import JournalCorrupt, ModelRegistry

from ...support.packages import open_registry
from ..eventful import fill, package
from ..journals import KEY

Edit = Callable[[list[bytes]], list[bytes]]

EDITS: dict[str, Edit] = {
    "a line less": lambda lines: [*lines[:2], *lines[3:]],
    "the first line less": lambda lines: lines[1:],
    "a line twice": lambda lines: [*lines, lines[-1]],
    "two lines swapped": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "another name": lambda lines: [lines[0].replace(b'"ada"', b'"eve"'), *lines[1:]],
    "no event": lambda lines: [*lines[:2], b"x" * len(lines[2]), *lines[3:]],
    "another model's": lambda lines: [line.replace(b'"model_name":"m"', b'"model_name":"n"') for line in lines],
}


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    fill(registry, tmp_path)
    registry.tag("t", "m", "3", "k", "last", actor="ada")
    return registry


def edit(tmp_path: Path, change: Edit) -> None:
    log = tmp_path / "root" / KEY
    log.write_bytes(b"".join(line + b"\n" for line in change(log.read_bytes().splitlines())))


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_history_tells_of_the_line_that_breaks_the_chain(registry: ModelRegistry, tmp_path: Path, change: Edit) -> None:
    edit(tmp_path, lambda lines: [lines[0].replace(b'"actor":null', b'"actor":"ada"'), *lines[1:]])
    edit(tmp_path, change)
    assert "The journal is damaged at event" in registry.history("t", "m").warnings[0]
    assert registry.show("t", "m@3", as_of="2100-01-01T00:00:00Z").warnings


def test_a_page_of_the_history_is_chained_to_what_stands_before_it(registry: ModelRegistry, tmp_path: Path) -> None:
    whole = registry.history("t", "m")
    assert whole.warnings == []
    assert all(registry.history("t", "m", after=event.seq).warnings == [] for event in whole.events)
    edit(tmp_path, lambda lines: [*lines[:4], lines[4].replace(b'"ts_utc":"2', b'"ts_utc":"1'), *lines[5:]])
    assert registry.history("t", "m", after=5).warnings  # event 6 says what event 5 was
    assert registry.history("t", "m", after=6).warnings == []


def test_what_was_before_a_lost_end_is_not_denied(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "root" / KEY).write_bytes(b"")
    with pytest.raises(JournalCorrupt):
        registry.resolve("t", "m@nobody-knows", as_of="2100-01-01T00:00:00Z")


def test_the_note_beside_the_lock_is_told_of_where_nothing_else_shows_the_last_event(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    fill(registry, tmp_path)
    registry.register("t", "m", "9", package(tmp_path, "9"), set_alias=None)
    registry.delete("t", "m", "9", reason="a mistake")
    registry.restore("t", "m", "9")
    edit(tmp_path, lambda lines: lines[:-1])
    assert ".lock shows event" in registry.history("t", "m").warnings[0]
    assert ".lock shows event" in registry.audit_verify("t", "m").warnings[0]
    # What the last event that is left says is long past, perhaps: nothing is made of it.
    with pytest.raises(JournalCorrupt):
        registry.tag("t", "m", "9", "k", "v")
    assert registry.resolve("t", "m@9").version == "9"

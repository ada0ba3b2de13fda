"""One list of events: what is written, what readers are shown and what the design says are what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_core import ModelRegistry
from registry_core.format import events
from registry_core.format.chain import Line
from registry_core.format.events import FIELDS, KINDS, PRIVATE
from registry_core.models.journal import Journal
from registry_core.storage.filesystem.tree import FilesystemStorage

from ...docs.documents import read
from ...support.packages import open_registry, write_files
from ..upkeep.governed import MODEL, TASK, fill

JOURNAL = f"tasks/{TASK}/models/{MODEL}/audit/promotions.jsonl"
NAMES = [kind.name for kind in KINDS]
OWN = {name for kind in KINDS for name in kind.own}
SOMETIMES = {"adopted", "idempotency", "commit"}  # adopt makes no commit id
TYPES = {str: "text", int: "number", bool: "boolean", dict: "object"}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[ModelRegistry]:
    """One with every kind of event."""
    root = tmp_path / "root"
    root.mkdir()
    registry = open_registry(root)
    fill(registry, root, tmp_path / "sources")
    registry.promote(TASK, MODEL, "production", "restored", expected_version="kept")
    registry.rollback(TASK, MODEL, "production", actor="grace")
    registry.patch(TASK, MODEL, "kept", tags={"tissue": None}, description="new")
    package = write_files(tmp_path / "keyed", {"weights": b"k"})
    registry.register(TASK, MODEL, "keyed", package, idempotency_key="my-own-key", set_alias="latest")
    yield registry


def lines(tmp_path: Path) -> list[Line]:
    return list(Journal(FilesystemStorage(tmp_path / "root"), JOURNAL).lines())


# the list itself


def test_every_constant_is_a_kind_and_every_kind_a_constant() -> None:
    constants = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
    assert constants == set(NAMES)
    assert all(getattr(events, name.upper()) == name for name in NAMES)


def test_nothing_is_described_twice() -> None:
    names = [field.name for field in FIELDS]
    assert len(set(names)) == len(names) and len(set(NAMES)) == len(NAMES)
    assert set(names) >= OWN
    assert {"idempotency"} == PRIVATE


def test_the_table_of_the_design_is_the_list() -> None:
    section = read("docs/design.md").section("The journal")
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    wanted = [f"| `{kind.name}` | {kind.meaning} |" for kind in KINDS]
    for field in FIELDS:
        carriers = ", ".join(f"`{kind.name}`" for kind in KINDS if field.name in kind.own) or "all"
        private = " (not shown to readers)" if field.is_private else ""
        wanted.append(f"| `{field.name}` | {TYPES[field.type]} | {carriers} | {field.meaning}{private} |")
    assert rows == wanted


# what is written


def test_every_event_that_is_written_has_the_fields_of_its_kind(registry: ModelRegistry, tmp_path: Path) -> None:
    order = [field.name for field in FIELDS]
    types = {field.name: field.type for field in FIELDS}
    seen: set[str] = set()
    said: set[str] = set()
    for line in lines(tmp_path):
        assert line.fields is not None
        (kind,) = [kind for kind in KINDS if kind.name == line.fields["event"]]
        may = set(order) - OWN | set(kind.own)
        assert may - SOMETIMES <= line.fields.keys() <= may, line
        assert all(value is None or type(value) is types[name] for name, value in line.fields.items()), line
        seen.add(kind.name)
        said |= {name for name, value in line.fields.items() if value is not None}
    assert seen == set(NAMES)
    assert said == set(order)

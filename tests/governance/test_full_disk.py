"""Governing on a full disk: a change is made whole, or refused with nothing changed and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, StorageFull

from ..faults import raw
from ..faults.test_full_disk import PAGE, Ballast, content, free
from ..support.old_registry import OldRegistry
from ..support.packages import open_registry, write_files
from . import told
from .conftest import MODEL, TASK, fill, model_of

LONG = "because " * 500  # takes the journal line and every document over a page


def delete(registry: ModelRegistry) -> Any:
    return registry.delete(TASK, MODEL, "3", reason=LONG)


VERBS: dict[str, Callable[[ModelRegistry], Any]] = {
    "tag": lambda registry: registry.tag(TASK, MODEL, "1", "k", "v" * 4000, reason=LONG),
    "tag-first": lambda registry: registry.tag(TASK, MODEL, "3", "k", "v" * 4000, reason=LONG),
    "stage": lambda registry: registry.stage(TASK, MODEL, "3", "staging", reason=LONG),
    "unalias": lambda registry: registry.unalias(TASK, MODEL, "production", reason=LONG),
    "rollback": lambda registry: registry.rollback(TASK, MODEL, "production", reason=LONG),
    "delete": delete,
    "restore": lambda registry: registry.restore(TASK, MODEL, "4", reason=LONG),
    "purge": lambda registry: registry.purge(0, reason=LONG),
    "adopt": lambda registry: registry.adopt(reason=LONG),
}


NO_INODES = {("inodes", verb) for verb in ("unalias", "restore")}  # they only remove documents


@pytest.mark.parametrize("kind", ["pages", "inodes"])
@pytest.mark.parametrize("verb", VERBS)
def test_space_runs_out_at_every_step(small_disk: Callable[..., Path], tmp_path: Path, verb: str, kind: str) -> None:
    """With 0, 1, 2, ... pages or inodes left."""
    disk = small_disk(512 * PAGE, inodes=400)
    root = disk / "root"
    root.mkdir()
    registry = open_registry(root)
    old = OldRegistry(root).model(TASK, MODEL).version("old", alias=None)
    fill(registry, write_files(tmp_path / "tiny", {"model.pt": b"weights", "sub/labels": b"labels"}))
    names = [path.name for path in old.package("old").iterdir()]
    ballast = Ballast(disk)
    for left in range(60):
        before, space = content(root), free(disk)
        (ballast.leave_pages if kind == "pages" else ballast.leave_inodes)(left)
        try:
            done = VERBS[verb](registry)
            if verb == "adopt" and done.refused:
                raise StorageFull(done.refused[0].message)
        except StorageFull as error:
            ballast.drop()
            assert not error.detail.get("committed")
            assert content(root) == before, f"{left} {kind} left"
            assert raw.staging(root) == []
            assert free(disk)[0] == space[0], f"{left} {kind} left: pages are lost"
            assert {finding.severity for finding in registry.check().findings} == {"note"}
        else:
            break
    else:
        pytest.fail("no space was ever enough")
    ballast.drop()
    assert left > 0 or (kind, verb) in NO_INODES
    assert raw.staging(root) == []
    facts = told.told(told.events(model_of(root)), old_versions=["old"])
    assert told.shown(model_of(root)).pieces() == facts.pieces()
    assert [found for found in registry.check().findings if not found.where.endswith("@old")] == []
    assert [path.name for path in old.package("old").iterdir()] == names


def test_a_deletion_needs_no_space_for_the_bytes(small_disk: Callable[..., Path], tmp_path: Path) -> None:
    """Bytes are moved, not copied: a version that fills half of the disk is deleted, restored, and purged."""
    disk = small_disk(512 * PAGE)
    root = disk / "root"
    root.mkdir()
    registry = open_registry(root)
    registry.register(TASK, MODEL, "1", write_files(tmp_path / "big", {"model.pt": bytes(300 * PAGE)}), set_alias=None)
    registry.delete(TASK, MODEL, "1", reason="too big")
    registry.restore(TASK, MODEL, "1")
    registry.delete(TASK, MODEL, "1", reason="too big")
    before = free(disk)[0]
    assert registry.purge(0).bytes_freed > 300 * PAGE
    assert free(disk)[0] >= before + 300
    assert registry.check().findings == []

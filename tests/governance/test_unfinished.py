"""A deletion or a restoration that nobody can finish any more is damage, and not pending for ever."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..support.machine import remove_tree
from ..support.packages import open_registry
from .conftest import MODEL, TASK, model_of


@pytest.mark.parametrize("is_restored", [False, True], ids=["delete", "restore"])
def test_the_bytes_are_gone_before_the_move(filled: Path, is_restored: bool) -> None:
    registry = open_registry(filled)
    model = model_of(filled)
    registry.delete(TASK, MODEL, "3", reason="wrong labels")
    if is_restored:
        copy = filled.parent / "copy"
        shutil.copytree(model / "deleted" / "3", copy)
        registry.restore(TASK, MODEL, "3")
        # As it was between the event and the move, but for the package.
        remove_tree(copy / "package")
        shutil.copytree(copy, model / "deleted" / "3", dirs_exist_ok=True)
        remove_tree(model / "versions" / "3")
    else:
        (model / "deleted" / "3" / "tombstone.json").unlink()
        remove_tree(model / "deleted" / "3" / "package")
    for _ in range(2):
        findings = open_registry(filled).check().findings
        assert (f"{TASK}/{MODEL}@3", "damage") in [(finding.where, finding.severity) for finding in findings]
        open_registry(filled).recover()
    assert registry.resolve(TASK, f"{MODEL}@1").version == "1"
    assert registry.tag(TASK, MODEL, "1", "still", "usable").tags["still"] == "usable"

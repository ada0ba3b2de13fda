"""A journal on an object store that has lost its last objects, or one in between, is not believed, and gone on from."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.storage import open_storage

from ..core.eventful import fill
from ..core.journals import KEY as LOG
from ..core.models.test_evidence import judge_warned
from ..core.upkeep.test_repair import judge_going_on, judge_loss
from ..support.seaweed import Seaweed, environment


@pytest.mark.parametrize("lost", [(4, 5, 6, 7), (4,), (4, 6)])
def test_a_loss_is_named_and_gone_on_from(
    seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: tuple[int, ...]
) -> None:
    """By a process that remembers nothing of the journal."""
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    settings = CoreSettings.from_env(environment(seaweed.endpoint))
    root = seaweed.new_root()
    fill(ModelRegistry.open(root, settings=settings), tmp_path)
    directory = LOG.rpartition("/")[0]
    storage = open_storage(root, settings.storage, is_package)
    for seq in lost:
        storage.documents.delete(f"{directory}/{seq:012d}.json")
    registry = ModelRegistry.open(root, settings=settings)
    is_end = len(lost) == 4
    if is_end:
        judge_warned(registry)
    # What lies behind a hole is an event as long as somebody may put back the one that is missing.
    (judge_loss if is_end else judge_going_on)(registry, tmp_path)
    kept = [entry.name for entry in storage.documents.list(directory) if entry.name.startswith("damaged-")]
    assert len(kept) == (0 if is_end else 1)

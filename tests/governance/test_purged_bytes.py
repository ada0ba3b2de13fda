"""What a purge says that it has freed is what the disk has got back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ..support.packages import open_registry, write_files
from .conftest import MODEL, TASK, model_of

SIZE = 5_000_000
SMALL = 10_000  # more than what each version has for itself: metadata, manifest


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """Three versions that share one large file, as pushes of what the model has already leave it."""
    root = tmp_path / "root"
    root.mkdir()
    made = open_registry(root)
    for version in "123":
        made.register(TASK, MODEL, version, write_files(tmp_path / version, {"model.pt": bytes(SIZE)}), set_alias=None)
    versions = model_of(root) / "versions"
    for version in "23":
        (versions / version).chmod(0o755)
        (versions / version / "model.pt").unlink()
        os.link(versions / "1" / "model.pt", versions / version / "model.pt")
        (versions / version).chmod(0o555)
    return made


def test_a_file_that_others_have_is_freed_with_the_last_of_them(registry: ModelRegistry) -> None:
    freed = []
    for version in "123":
        registry.delete(TASK, MODEL, version, reason="old")
        foretold = registry.purge(0, dry_run=True)
        report = registry.purge(0)
        assert foretold == report
        freed.append(report.bytes_freed)
    assert max(freed[:2]) < SMALL
    assert SIZE < freed[2] < SIZE + SMALL


def test_all_at_once_free_it_once_and_a_preview_knows(registry: ModelRegistry) -> None:
    for version in "123":
        registry.delete(TASK, MODEL, version, reason="old")
    foretold = registry.purge(0, dry_run=True)
    assert registry.purge(0) == foretold
    assert SIZE < foretold.bytes_freed < SIZE + 3 * SMALL
    assert len(foretold.purged) == 3

"""What tests need of the machine, and places that they clean up behind them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

MIB = 1024 * 1024


def need(condition: object, message: str) -> None:
    """Skip with the message where the machine cannot run the test; fail where it has been told that it can."""
    if condition:
        return
    if os.environ.get("MODEL_REGISTRY_TESTS_NO_SKIP") == "1":
        pytest.fail(f"MODEL_REGISTRY_TESTS_NO_SKIP=1, but this machine cannot run the test: {message}")
    pytest.skip(message)


def remove_tree(top: Path) -> None:
    """The tree is gone, sealed directories and unreadable files included."""
    for directory, _, _ in os.walk(top):
        os.chmod(directory, 0o700)
    shutil.rmtree(top)


def memory_backed(size_bytes: int) -> str | None:
    """A directory in memory with that much room, or None (then: the disk, which is only slower)."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or not os.access(shared, os.W_OK):
        return None
    volume = os.statvfs(shared)
    return str(shared) if volume.f_bavail * volume.f_frsize > size_bytes else None

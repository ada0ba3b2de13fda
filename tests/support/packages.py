"""Packages to register, and the registry to put them in."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry

MANY = pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
"""Files of a package where what is counted must not grow with them; a soak takes more."""


def write_package(top: Path) -> Path:
    """A small package of every shape that matters: nested, with a space, empty, with its own metadata."""
    (top / "deep" / "er").mkdir(parents=True)
    (top / "model.pt").write_bytes(bytes(range(256)) * 12)
    (top / "deep" / "er" / "label map.json").write_text('{"0": "B cell"}')
    (top / "empty").write_bytes(b"")
    (top / "model_meta.json").write_text('{"framework": "torch"}')
    return top


def write_files(top: Path, files: dict[str, bytes]) -> Path:
    """The files below ``top``, their directories made; returns ``top``."""
    for name, data in files.items():
        target = top / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return top


def open_registry(root: Path, *, workers: int = 1, lock_timeout_s: float = 30.0) -> ModelRegistry:
    """A fresh registry, as another process would open it; one worker makes the order of calls repeatable."""
    return ModelRegistry.open(settings=CoreSettings(root=str(root), workers=workers, lock_timeout_s=lock_timeout_s))

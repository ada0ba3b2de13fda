"""A model with some versions, as the pages' tests want one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from registry_core import Alias, ModelRegistry

TASK, MODEL = "variants", "splice_effect"
PAGE = f"/ui/models/{TASK}/{MODEL}"
METRICS = {
    "1.0.0": {"auprc": 0.85, "val_loss": 0.30, "cells": 700},
    "1.1.0": {"auprc": 0.86, "val_loss": 0.31, "cells": 900},
    "2.0.0": {"auprc": 0.84, "val_loss": 0.25, "cells": 900},
}


MOVE = "Move production from 1.0.0 to 2.0.0"


def promoted(registry: ModelRegistry, directory: Path) -> None:
    """The versions of :func:`register`, of which production names the first."""
    register(registry, directory)
    registry.promote(TASK, MODEL, "production", "1.0.0", actor="grace", reason="the first")


def production(registry: ModelRegistry) -> Alias | None:
    return next((alias for alias in registry.list_aliases(TASK, MODEL) if alias.alias == "production"), None)


def register(registry: ModelRegistry, directory: Path, **versions: dict[str, Any]) -> None:
    """The versions, in this order; each has a file of its own and one that all have."""
    for version, metrics in (versions or METRICS).items():
        source = directory / f"source-{version}"
        source.mkdir(parents=True)
        (source / "model.pt").write_text(f"weights of {version}")
        (source / "labels.json").write_text("{}")
        meta = {"metrics": metrics, "params": {"lr": 0.1, "seed": len(version + str(metrics))}}
        registry.register(TASK, MODEL, version, str(source), meta, actor="trainer", reason="nightly")

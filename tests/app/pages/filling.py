"""Models for pages, registered through the library: what a test looks at, and many of them."""

from __future__ import annotations

from pathlib import Path

from registry_core import ModelRegistry

from ...support.packages import write_files


def fill(registry: ModelRegistry, source: Path, models: int, versions: int = 2) -> None:
    """``models`` in three tasks; the last version but one of each is in production but for the first of them."""
    write_files(source, {"model.pt": b"weights", "README.md": b"# a model\n"})
    for number in range(models):
        task, name = f"task-{number % 3}", f"model-{number:03}"
        for version in range(1, versions + 1):
            metadata = {"metrics": {"accuracy": 0.8 + version / 100, "loss": 0.3}, "run_id": f"run-{version}"}
            registry.register(task, name, f"{version}.0", source, metadata, actor="mei", reason="trained")
        registry.patch(task, name, f"{versions}.0", description=f"Number {number}.", tags={"kind": f"k{number % 2}"})
        if number:
            registry.promote(task, name, "production", f"{max(1, versions - 1)}.0", actor="grace", reason="reviewed")

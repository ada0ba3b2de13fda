"""A short story told to a registry, the same on every run; what it left on the disk is kept beside this file.

``python -m tests.golden.story NAME`` tells it once and keeps the result as ``format-1/NAME``. It never writes over
anything: what a released version wrote stays as it was, and a new story (or a new field in a document) gets a new
name.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry_core import CoreSettings, ModelRegistry, PackageListing, RegistryError

HERE = Path(__file__).parent / "format-1"
TASK, NAME = "celltype", "human_pbmc"

PACKAGES: dict[str, dict[str, bytes]] = {
    "first": {
        "model.pt": bytes(range(256)),
        "labels/label map.json": b'{"0": "B cell", "1": "T cell"}\n',
        "notes/größe.txt": b"drei Spender\n",
        "empty": b"",
    },
    "second": {
        "model.pt": bytes(reversed(range(256))),
        "metrics.json": b'{"accuracy": 0.93}\n',
        "model_meta.json": b'{"framework": "torch", "dataset": "of the package", "version": "ignored"}',
    },
}


def tell(registry: ModelRegistry, sources: Path) -> None:
    """Every kind of line that this story has: with and without alias, actor, reason, key; an alias made and moved."""
    for package, files in PACKAGES.items():
        for path, data in files.items():
            (sources / package / path).parent.mkdir(parents=True, exist_ok=True)
            (sources / package / path).write_bytes(data)
    registry.register(
        TASK,
        NAME,
        "1.0.0",
        sources / "first",
        {"dataset": "pbmc68k", "metrics": {"accuracy": 0.91, "f1": 0.9}, "note": "naïve – “first”"},
        actor="ada",
        reason="first",
        idempotency_key="story-1",
    )
    registry.register(TASK, NAME, "1.1.0", sources / "second", {"parent_version": "1.0.0"}, set_alias=None)
    registry.promote(TASK, NAME, "production", "1.0.0", actor="größe", reason='reviewed\n"twice"')
    registry.promote(TASK, NAME, "latest", "1.1.0", expected_version="1.0.0")
    registry.promote(TASK, NAME, "production", "1.0.0")
    registry.register("segmentation", "nuclei", "2", sources / "first", set_alias="production")


REFS = [(TASK, f"{NAME}@{selector}") for selector in ("1.0.0", "1.1.0", "latest", "production", "staging", "1.2.0")] + [
    ("segmentation", "nuclei@production"),
    ("segmentation", "none@latest"),
]


def answers(registry: ModelRegistry, root: Path) -> dict[str, Any]:
    """What the registry says about all of it, with nothing that depends on the place or the moment of asking."""
    asked: dict[str, Callable[[], Any]] = {}
    for task, ref in REFS:
        for verb in ("resolve", "show", "verify", "artifacts"):
            asked[f"{verb} {task} {ref}"] = lambda verb=verb, task=task, ref=ref: getattr(registry, verb)(task, ref)
    for task, model_name in ((TASK, NAME), ("segmentation", "nuclei")):
        asked[f"history {task} {model_name}"] = lambda t=task, m=model_name: registry.history(t, m)
        asked[f"list_aliases {task} {model_name}"] = lambda t=task, m=model_name: registry.list_aliases(t, m)
    return {title: _plain(call, root) for title, call in asked.items()}


def _plain(call: Callable[[], Any], root: Path) -> Any:
    try:
        answer = call()
    except RegistryError as error:
        return {"code": error.code}
    found: Any = [dataclasses.asdict(one) for one in answer] if isinstance(answer, list) else dataclasses.asdict(answer)
    if isinstance(found, dict):
        found.pop("duration_s", None)
    if isinstance(answer, PackageListing):  # the manifest has been listed since 1.0.0
        found["files"] = [file for file in found["files"] if file["role"] != "manifest"]
    return json.loads(json.dumps(found).replace(json.dumps(str(root))[1:-1], "ROOT"))


def keep(name: str) -> Path:
    """Tell the story to a new registry and keep its tree, without locks and working space, and its answers."""
    home = HERE / name
    home.mkdir(parents=True)  # fails if there is one
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "root")
        root.mkdir()
        registry = ModelRegistry.open(root, settings=CoreSettings())
        tell(registry, Path(place, "sources"))
        shutil.copytree(root, home / "registry", ignore=shutil.ignore_patterns(".*"), copy_function=shutil.copyfile)
        found = sorted(answers(registry, registry_root(root)).items())
        lines = [json.dumps({title: answer}, ensure_ascii=False, sort_keys=True)[1:-1] for title, answer in found]
        (home / "answers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
        for directory in [root, *(path for path in root.rglob("*") if path.is_dir())]:
            directory.chmod(0o755)
    for directory in [home, *(path for path in home.rglob("*") if path.is_dir())]:
        directory.chmod(0o755)
    return home


def registry_root(root: Path) -> Path:
    """The root as the registry's answers spell it."""
    return root.resolve()


if __name__ == "__main__":
    keep(sys.argv[1])

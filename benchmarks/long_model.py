"""One model with a long past, written in the form of either storage (``docs/design.md``), with no code of the product.

The model is TASK/MODEL with versions ``v1`` and on. Versions come first, then the events are promotes of
``production``; ``v1`` to ``v5`` are always there. Beside it other models may stand, each with one version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .generate import Journal, digest, readable, rfc3339

TASK, MODEL = "bench", "long"
LEAST_VERSIONS = 5
BEGAN = datetime(2021, 1, 4, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Size:
    """Of a registry: events and versions of the long model, files of a package beside the two that all have."""

    events: int = 0
    versions: int = LEAST_VERSIONS
    files: int = 1
    models: int = 1


@dataclass
class Model:
    """What a storage is to hold. ``packages``: version -> (attempt, digest, seq, files by path)."""

    journal: Journal
    packages: dict[str, tuple[str, str, int, dict[str, bytes]]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"tasks/{self.journal.task}/models/{self.journal.model_name}"


def registry_of(size: Size) -> Iterator[Model]:
    """The long model, then the others."""
    yield _model(MODEL, size.versions, size.events, size.files)
    for number in range(1, size.models):
        yield _model(f"other-{number:06d}", 1, 0, 1)


def _model(name: str, versions: int, events: int, files: int) -> Model:
    """``events`` of them in all, or one for each version if that is more."""
    model = Model(Journal(TASK, name))
    moment = BEGAN
    for number in range(1, versions + 1):
        moment += timedelta(seconds=1)
        version, attempt = f"v{number}", f"{number:032x}"
        package = _package(name, version, moment, files)
        found = digest(package["sha256sums.txt"])
        record = model.journal.add(
            "register",
            moment,
            version=version,
            alias="latest",
            actor="amara",
            reason=None,
            package_digest=found,
            created_at=rfc3339(moment),
            attempt=attempt,
        )
        model.packages[version] = (attempt, found, record["seq"], package)
    while len(model.journal.lines) < events or "production" not in model.journal.aliases:
        moment += timedelta(seconds=1)
        version = f"v{1 + len(model.journal.lines) % min(2, versions)}"
        attempt, found, _, _ = model.packages[version]
        model.journal.add(
            "promote",
            moment,
            version=version,
            alias="production",
            actor="bela",
            reason="review passed",
            package_digest=found,
            attempt=f"{len(model.journal.lines):032x}",
        )
    return model


def _package(name: str, version: str, moment: datetime, files: int) -> dict[str, bytes]:
    lineage: dict[str, Any] = {"dataset": None, "run_id": None, "metrics": {}, "parent_version": None}
    names = {"task": TASK, "model_name": name, "version": version, "created_at": rfc3339(moment)}
    found: dict[str, bytes] = {f"part-{number:06d}.bin": b"%d" % number for number in range(files)}
    found["model_meta.json"] = readable({**names, "lineage": lineage})
    manifest = "".join(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(found.items()))
    return {**found, "sha256sums.txt": manifest.encode()}


def write_tree(root: Path, size: Size) -> None:
    """The registry on a filesystem, below ``root``, which is empty."""
    (root / "registry.json").write_bytes(readable({"format": 1}))
    for model in registry_of(size):
        top = root / model.key
        for name in ("versions", "aliases", "audit", "state"):
            (top / name).mkdir(parents=True)
        (top / "audit" / "promotions.jsonl").write_bytes(b"".join(line + b"\n" for line in model.journal.lines))
        for alias, document in model.journal.aliases.items():
            (top / "aliases" / f"{alias}.json").write_bytes(readable(document))
        for version, (_, _, _, files) in model.packages.items():
            package = top / "versions" / version
            package.mkdir()
            for path, data in files.items():
                (package / path).write_bytes(data)
                (package / path).chmod(0o444)
            package.chmod(0o555)


def objects(size: Size) -> Iterator[tuple[str, bytes]]:
    """(key, data) of every object of the registry on an object store."""
    yield "registry.json", readable({"format": 1})
    for model in registry_of(size):
        for number, line in enumerate(model.journal.lines, 1):
            yield f"{model.key}/audit/{number:012}.json", line
        for alias, document in model.journal.aliases.items():
            yield f"{model.key}/aliases/{alias}.json", readable(document)
        for version, (attempt, package_digest, seq, files) in model.packages.items():
            pointer: dict[str, Any] = {"attempt": attempt, "seq": seq, "package_digest": package_digest}
            yield f"{model.key}/versions/{version}.json", readable(pointer)
            for path, data in files.items():
                yield f"{model.key}/versions/{version}/{attempt}/{path}", data

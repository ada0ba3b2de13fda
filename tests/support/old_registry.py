"""Writes a registry directory as the older OmniBioAI implementation left it, byte for byte the same on every run.

What that software did, and so what a directory of its holds:

- ``copytree`` of the job's directory, then ``model_meta.json`` by ``mkstemp`` and rename: mode 0600 inside a writable
  package; then a manifest of six fixed names, in their own order, whatever else lies there.
- Tags, description and stage go into ``model_meta.json`` in place, so the manifest is wrong about that file afterwards.
- A promotion is an alias document (mode 0600, no ``seq``), then a journal line (no ``seq``, no ``prev``).
- ``resolve`` of a name that is not there leaves an empty skeleton behind; a killed process leaves half versions,
  temporary files, and a journal line without its end.

It took any path segment as a name. Its clock here begins at :data:`BEGAN` and moves a minute at every look.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BEGAN = datetime(2024, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)
COVERED = ("model.pt", "model_genes.txt", "label_map.json", "model_meta.json", "metrics.json", "feature_schema.json")
MANIFEST = "sha256sums.txt"
META = "model_meta.json"
COMMIT_LIKE = "0123456789abcdef0123456789abcdef01234567"


def package_files(seed: str = "") -> dict[str, bytes]:
    """The single-cell set that the old policy asked for, and three files that its manifest never covered."""
    return {
        "model.pt": b"PK\x03\x04" + f"weights {seed}".encode() * 50,
        "model_genes.txt": b"CD3D\nMS4A1\nNKG7\n",
        "label_map.json": b'{"0": "B cell", "1": "T cell"}',
        "metrics.json": json.dumps({"accuracy": 0.91, "f1": 0.89}).encode(),
        "feature_schema.json": b'{"n_genes": 3}',
        "tokenizer/vocab file.txt": f"vocab {seed}".encode(),
        "README.md": b"# how it was trained\n",
        "tags.json": b"{}",
    }


class OldRegistry:
    """A root that older software has written. ``model()`` begins or goes on with one model."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._now = BEGAN

    def model(self, task: str = "celltype", name: str = "human_pbmc") -> OldModel:
        return OldModel(self, task, name)

    def now(self) -> str:
        """The old software's time stamp: ISO 8601 with +00:00, microseconds only where there are any."""
        self._now += timedelta(minutes=1)
        return self._now.isoformat()


class OldModel:
    """One model in it; every method is something the old software did, and returns the model for the next."""

    def __init__(self, registry: OldRegistry, task: str, name: str) -> None:
        self.registry, self.task, self.name = registry, task, name
        self.directory = registry.root / "tasks" / task / "models" / name
        self.journal = self.directory / "audit" / "promotions.jsonl"

    def package(self, version: str) -> Path:
        return self.directory / "versions" / version

    def probed(self) -> OldModel:
        """Somebody asked for the model: the skeleton is there, and nothing in it."""
        for name in ("versions", "aliases", "audit"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        return self

    def version(
        self,
        version: str,
        *,
        files: Mapping[str, bytes] | None = None,
        metadata: Mapping[str, Any] | None = None,
        alias: str | None = "latest",
        actor: str | None = None,
        reason: str | None = None,
        mode: int = 0o644,
    ) -> OldModel:
        """A registration that went well. ``mode`` is what the job's files had; copytree keeps it."""
        self.half_version(version, package_files(version) if files is None else files, mode=mode)
        given = dict(metadata or {})
        meta = {
            **given,
            "task": given.get("task", self.task),
            "model_name": given.get("model_name", self.name),
            "version": given.get("version", version),
            "created_at": given.get("created_at", self.registry.now()),
            "lineage": given.get(
                "lineage",
                {
                    "dataset": given.get("dataset"),
                    "run_id": given.get("run_id"),
                    "metrics": given.get("metrics", {}),
                    "parent_version": given.get("parent_version"),
                },
            ),
        }
        self._rewrite_meta(version, meta)
        package = self.package(version)
        present = [name for name in COVERED if (package / name).is_file()]
        lines = [f"{hashlib.sha256((package / name).read_bytes()).hexdigest()}  {name}" for name in present]
        (package / MANIFEST).write_text("".join(line + "\n" for line in lines))
        return self if alias is None else self.promote(alias, version, actor, reason or "register_model")

    def half_version(self, version: str, files: Mapping[str, bytes], *, mode: int = 0o644) -> OldModel:
        """A registration that was killed while it copied: files, no manifest."""
        self.probed()
        package = self.package(version)
        package.mkdir()
        for name, data in files.items():
            path = package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(mode)
        return self

    def promote(self, alias: str, version: str, actor: str | None = None, reason: str | None = None) -> OldModel:
        moment = self.registry.now()
        fields = {"task": self.task, "model_name": self.name, "alias": alias, "version": version}
        document = {**fields, "updated_at": moment, "actor": actor, "reason": reason}
        self.probed()
        _write_private(self.directory / "aliases" / f"{alias}.json", json.dumps(document, indent=2) + "\n")
        line = json.dumps({**fields, "actor": actor, "reason": reason, "ts_utc": moment}, ensure_ascii=False)
        with self.journal.open("ab") as log:
            log.write(line.encode() + b"\n")
        return self

    def tag(self, version: str, key: str, value: str) -> OldModel:
        meta = self._meta(version)
        return self._rewrite_meta(version, {**meta, "tags": {**(meta.get("tags") or {}), key: value}})

    def describe(self, version: str, description: str) -> OldModel:
        return self._rewrite_meta(version, {**self._meta(version), "description": description})

    def stage(self, version: str, stage: str, actor: str | None = None) -> OldModel:
        """The stage goes into the metadata; staging and production are promotions too, ``none`` removes nothing."""
        self._rewrite_meta(version, {**self._meta(version), "stage": stage})
        return self.promote(stage, version, actor, "stage transition") if stage in ("staging", "production") else self

    def owned_by(self, organization_id: str | None, registered_by: str | None = None) -> OldModel:
        record = {
            "schema_version": 1,
            "task": self.task,
            "model_name": self.name,
            "organization_id": organization_id,
            "status": "owned" if organization_id else "unowned",
            "registered_by": registered_by,
            "registered_at": self.registry.now(),
            "discovered_at": None,
            "note": None,
        }
        self.probed()
        _write_private(self.directory / "ownership.json", json.dumps(record, indent=2) + "\n")
        return self

    def run(
        self, run_id: str, params: Mapping[str, Any], tags: Mapping[str, str], metrics: Mapping[str, list[float]]
    ) -> OldModel:
        """A training run's log, ``metrics`` by name, a value a step."""
        home = self.directory / "runs" / run_id
        (home / "metrics").mkdir(parents=True)
        (home / "params.json").write_text(json.dumps(dict(params), indent=2) + "\n")
        (home / "tags.json").write_text(json.dumps(dict(tags), indent=2) + "\n")
        for name, values in metrics.items():
            points = [
                {"value": value, "step": step, "ts_utc": self.registry.now()} for step, value in enumerate(values)
            ]
            (home / "metrics" / f"{name}.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
        return self

    # what a killed process left

    def killed_before_the_journal(self, alias: str, version: str) -> OldModel:
        """The alias document is written, its journal line is not."""
        before = self.journal.read_bytes() if self.journal.exists() else None
        self.promote(alias, version, reason="killed")
        if before is None:
            self.journal.unlink()
        else:
            self.journal.write_bytes(before)
        return self

    def temporary_files(self, version: str) -> OldModel:
        """Killed between ``mkstemp`` and rename, in the package and beside the aliases."""
        (self.package(version) / "tmpk3x9_a.tmp").write_bytes(b'{"task": "cell')
        (self.directory / "aliases" / "latest.json.q7w1e2").write_bytes(b'{\n  "task": "celltype",\n')
        return self

    def last_line_without_newline(self) -> OldModel:
        self.journal.write_bytes(self.journal.read_bytes().removesuffix(b"\n"))
        return self

    def torn_last_line(self) -> OldModel:
        """The process died in the middle of the write, before the alias could tell another story."""
        with self.journal.open("ab") as log:
            log.write(b'{"task": "celltype", "model_name": "human_p')
        return self

    def _meta(self, version: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.package(version) / META).read_bytes())
        return found

    def _rewrite_meta(self, version: str, meta: Mapping[str, Any]) -> OldModel:
        _write_private(self.package(version) / META, json.dumps(dict(meta), indent=2) + "\n")
        return self


def _write_private(path: Path, text: str) -> None:
    """As ``mkstemp`` and rename leave it: whole, and for the owner alone."""
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def write_every_case(root: Path) -> OldRegistry:
    """One registry with every case of this module in it, spread over nine models in three tasks."""
    old = OldRegistry(root)
    (
        old.model()
        .owned_by("org-7", "ada")
        .version("1.0.0", metadata={"dataset": "pbmc68k", "run_id": "run-17", "metrics": {"accuracy": 0.91}})
        .version("1.1.0", metadata={"parent_version": "1.0.0", "run_id": "run-18"}, actor="ada", reason="more data")
        .version("2.0.0", alias=None, mode=0o600)
        .promote("production", "1.0.0", "grace", "reviewed – in Zürich")
        .tag("1.1.0", "tissue", "blood")
        .describe("1.1.0", "trained on two donors")
        .stage("1.1.0", "staging", "ada")
        .run("run-17", {"lr": 0.001}, {"git": "abc"}, {"loss": [0.9, 0.5, 0.2], "accuracy": [0.7, 0.8, 0.91]})
    )
    old.model(name="human pbmc").version("v 1").version("v2.").version(COMMIT_LIKE).promote("in use!", "v 1")
    old.model(name="same_name").version("1", alias=None).version("stable", alias=None).promote("stable", "1")
    old.model(name="killed").version("1").half_version("2", {"model.pt": b"PK\x03\x04"}).temporary_files("1")
    old.model(name="ahead").version("1").version("2", alias=None).killed_before_the_journal("latest", "2")
    old.model(name="no_newline").version("1").last_line_without_newline()
    old.model(name="torn").version("1").torn_last_line()
    old.model(name="asked_for").probed()
    old.model("batch correction", "größe").version("1").stage("1", "archived")
    old.model("segmentation", "nuclei").version("1", files={"model.pt": b"w"}, alias=None)
    return old

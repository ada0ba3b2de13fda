"""Writes a large registry quickly: ``python -m benchmarks.generate ROOT --models 1000 --versions 100``.

The result is a registry in on-disk format 1, as if it had been used for years: ``omr check`` is clean on it
and every version verifies. It is written straight to the disk from the description of the format
(``docs/design.md``), with no code of the registry and no fsync, so it is also a second writer of that format.
The same seed gives the same bytes, whatever the number of workers. Large artifacts are sparse: do not
copy the result with a tool that fills holes.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TASKS = ("celltype", "doublets", "batch-correction", "spatial", "perturbation", "trajectory", "peaks", "variants")
SPECIES = ("human", "mouse", "zebrafish", "macaque", "pig")
TISSUES = ("pbmc", "lung", "liver", "kidney", "brain", "heart", "retina", "skin", "gut", "bone_marrow")
METHODS = ("logreg", "scvi", "transformer", "xgboost", "mlp", "gnn", "svm")
ASSAYS = ("10x-3p", "10x-5p", "smart-seq2", "multiome", "cite-seq", "slide-seq")
TEAMS = ("atlas", "immunology", "oncology", "methods", "clinical")
PEOPLE = ("amara", "bela", "chen", "dolores", "emeka", "farida", "goran", "hana")
FRAMEWORKS = ("torch", "sklearn", "jax", "xgboost")
REASONS = ("nightly training", "new reference", "bug in normalisation fixed", "more donors", "hyperparameter sweep")
_WORDS = (
    "annotation atlas attention baseline batch calibrated cells cohort contrastive cross-donor curated dropout "
    "embedding ensemble exploratory filtered fine-tuned fresh frozen harmonised hierarchical imputed integrated "
    "labels latent marker multi-donor noisy normalised outlier pilot pretrained probabilistic quality rare "
    "reference regularised replicate reviewed robust sparse stratified subset supervised transfer validated weighted"
)
WORDS = tuple(_WORDS.split())
RARE_WORD = "okapi"  # in about one description of a thousand
SIZES = (4 * 1024, 64 * 1024, 1024 * 1024, 16 * 1024 * 1024)
BEGAN = datetime(2021, 1, 4, 8, 0, tzinfo=UTC)
STAGING_EVERY, PRODUCTION_EVERY = 10, 25
TAGGED_SHARE, ARCHIVED_SHARE = 0.05, 0.01


@dataclass(frozen=True)
class Generated:
    """What was written. ``size_bytes`` is what the files occupy, holes not counted."""

    models: int
    versions: int
    events: int
    size_bytes: int
    duration_s: float


def generate(root: Path, models: int, versions: int, *, seed: int = 1, workers: int | None = None) -> Generated:
    """A registry of ``models`` with ``versions`` each below ``root``. Raises ``SystemExit`` if it is not empty."""
    began = time.perf_counter()
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise SystemExit(f"{root} is not empty")
    write_document(root / "registry.json", {"format": 1})
    work = functools.partial(_write_model, root, versions, seed)
    workers = workers or len(os.sched_getaffinity(0))
    if workers == 1:
        done = list(map(work, range(models)))
    else:
        with ProcessPoolExecutor(workers) as pool:
            done = list(pool.map(work, range(models), chunksize=max(1, models // (workers * 8))))
    return Generated(
        models=models,
        versions=models * versions,
        events=sum(events for events, _ in done),
        size_bytes=sum(size for _, size in done),
        duration_s=time.perf_counter() - began,
    )


@dataclass
class Journal:
    """A model's events, numbered and chained, and the documents that follow from them."""

    task: str
    model_name: str
    lines: list[bytes] = field(default_factory=list)
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, event: str, moment: datetime, **fields: Any) -> dict[str, Any]:
        """The event is appended. An alias that it names moves."""
        alias, version = fields.get("alias"), fields["version"]
        names = {"task": self.task, "model_name": self.model_name}
        before = self.aliases.get(alias, {}) if alias else {}
        record = {
            "seq": len(self.lines) + 1,
            "event": event,
            **names,
            "version": version,
            "alias": alias,
            "previous_version": before.get("version"),
            **({"previous_seq": before.get("seq", 0)} if alias else {}),
            **{name: value for name, value in fields.items() if name not in ("alias", "version")},
            "ts_utc": rfc3339(moment),
            "prev": digest(self.lines[-1] if self.lines else b""),
        }
        self.lines.append(compact(record))
        if alias:
            document = {**names, "alias": alias, "version": version, "updated_at": record["ts_utc"]}
            self.aliases[alias] = {**document, **{key: record[key] for key in ("actor", "reason", "seq")}}
        return record


def _write_model(root: Path, versions: int, seed: int, number: int) -> tuple[int, int]:
    """(events, bytes occupied) of the model of that number."""
    draw = random.Random(f"{seed}/{number}")
    task = TASKS[number % len(TASKS)]
    species, tissue, method = draw.choice(SPECIES), draw.choice(TISSUES), draw.choice(METHODS)
    journal = Journal(task, f"{species}_{tissue}_{method}-{number:04d}")
    top = root / "tasks" / task / "models" / journal.model_name
    for name in ("versions", "aliases", "audit", "state"):
        (top / name).mkdir(parents=True)
    moment = BEGAN + timedelta(hours=draw.uniform(0, 8000))
    quality = draw.uniform(0.55, 0.8)
    labels = list(_labels(draw, versions, moment))
    for n, version in enumerate(labels):
        moment += timedelta(hours=draw.uniform(1, 300), microseconds=draw.randrange(1_000_000))
        quality += draw.gauss(0.002, 0.006)
        meta = _metadata(draw, journal, labels, n, moment, min(max(quality, 0.0), 0.999))
        meta["tags"] = {"species": species, "tissue": tissue, "assay": draw.choice(ASSAYS), "team": draw.choice(TEAMS)}
        package_digest = _write_package(top / "versions" / version, meta, draw.choice(SIZES))
        actor = draw.choice(PEOPLE)
        journal.add(
            "register",
            moment + timedelta(milliseconds=40),
            version=version,
            alias="latest",
            actor=actor,
            reason=draw.choice(REASONS),
            package_digest=package_digest,
            created_at=rfc3339(moment),
            attempt=f"{draw.getrandbits(128):032x}",
        )
        _govern(draw, journal, top, version, n, moment)
    (top / "audit" / "promotions.jsonl").write_bytes(b"".join(line + b"\n" for line in journal.lines))
    for alias, document in journal.aliases.items():
        write_document(top / "aliases" / f"{alias}.json", document)
    return len(journal.lines), occupied_bytes(top)


def _labels(draw: random.Random, count: int, moment: datetime) -> Iterator[str]:
    style = draw.randrange(3)
    for n in range(count):
        if style == 0:
            yield f"{n // 100}.{n // 10 % 10}.{n % 10}"
        elif style == 1:
            yield f"{(moment + timedelta(days=7 * n)).date().isoformat()}"
        else:
            yield f"v{n + 1}"


def _metadata(
    draw: random.Random, journal: Journal, labels: list[str], n: int, moment: datetime, quality: float
) -> dict[str, Any]:
    """The ``model_meta.json`` of version ``n``, but its tags."""
    metrics = {
        "accuracy": round(quality, 4),
        "macro_f1": round(quality * draw.uniform(0.8, 0.98), 4),
        "loss": round(2 * (1 - quality) * draw.uniform(0.8, 1.2), 4),
    }
    words = draw.sample(WORDS, draw.randint(4, 12))
    if draw.random() < 0.001:
        words.append(RARE_WORD)
    dataset = f"{draw.choice(TISSUES)}-{draw.choice(ASSAYS)}-r{draw.randint(1, 12)}"
    run_id = f"run-{draw.getrandbits(48):012x}"
    parent = labels[n - 1] if n else None
    return {
        "framework": draw.choice(FRAMEWORKS),
        "description": " ".join(words),
        "dataset": dataset,
        "run_id": run_id,
        "metrics": metrics,
        "params": {"learning_rate": draw.choice((0.1, 0.01, 0.001)), "layers": draw.randint(1, 8)},
        "parent_version": parent,
        "task": journal.task,
        "model_name": journal.model_name,
        "version": labels[n],
        "created_at": rfc3339(moment),
        "lineage": {"dataset": dataset, "run_id": run_id, "metrics": metrics, "parent_version": parent},
    }


def _govern(draw: random.Random, journal: Journal, top: Path, version: str, n: int, moment: datetime) -> None:
    """What people do with a version later: promote, tag, archive. Less than an hour after it came."""
    minutes = iter(range(1, 60, 10))
    for alias, every in (("staging", STAGING_EVERY), ("production", PRODUCTION_EVERY)):
        if n % every == every - 1:
            moment_of = moment + timedelta(minutes=next(minutes))
            journal.add(
                "promote", moment_of, version=version, alias=alias, actor=draw.choice(PEOPLE), reason="review passed"
            )
    changes: list[tuple[str, dict[str, Any]]] = []
    if draw.random() < TAGGED_SHARE:
        changes.append(("tag", {"tags": {"reviewed_by": draw.choice(PEOPLE)}}))
    if draw.random() < ARCHIVED_SHARE:
        changes.append(("stage", {"archived": True}))
    state: dict[str, Any] = {"task": journal.task, "model_name": journal.model_name, "version": version, "tags": {}}
    for event, changed in changes:
        reason = "superseded" if event == "stage" else None
        line = journal.add(
            event,
            moment + timedelta(minutes=next(minutes)),
            version=version,
            alias=None,
            actor=draw.choice(PEOPLE),
            reason=reason,
            set=changed,
        )
        state.update(changed, **({"archived_reason": reason} if event == "stage" else {}))
        state.update(updated_at=line["ts_utc"], seq=line["seq"])
    if changes:
        write_document(top / "state" / f"{version}.json", state)


def _write_package(package: Path, meta: dict[str, Any], size_bytes: int) -> str:
    """The package is there and sealed. Returns its digest."""
    package.mkdir()
    hashes = {}
    for name, value in (("metrics.json", meta["metrics"]), ("model_meta.json", meta)):
        data = readable(value)
        _write_sealed(package / name, data)
        hashes[name] = hashlib.sha256(data).hexdigest()
    _write_sealed(package / "model.pt", b"", size_bytes)
    hashes["model.pt"] = sha256_of_zeros(size_bytes)
    manifest = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(hashes.items())).encode()
    _write_sealed(package / "sha256sums.txt", manifest)
    package.chmod(0o555)
    return digest(manifest)


def _write_sealed(path: Path, data: bytes, size_bytes: int | None = None) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    try:
        if data:
            os.write(fd, data)
        if size_bytes is not None:
            os.ftruncate(fd, size_bytes)
    finally:
        os.close(fd)


@functools.cache
def sha256_of_zeros(size_bytes: int) -> str:
    """SHA-256, in hex, of a file that is one hole."""
    return hashlib.sha256(bytes(size_bytes)).hexdigest()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def readable(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def write_document(path: Path, value: dict[str, Any]) -> None:
    path.write_bytes(readable(value))


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def occupied_bytes(top: Path) -> int:
    """What the tree takes on its filesystem, directories included."""
    total = top.stat().st_blocks
    for directory, names, files in os.walk(top):
        total += sum(os.lstat(os.path.join(directory, name)).st_blocks for name in (*names, *files))
    return total * 512


def main() -> None:
    """Parse, write, say how long it took and how large it is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description="Write a large registry.")
    parser.add_argument("root", type=Path, help="a directory that is empty or not there")
    parser.add_argument("--models", type=int, default=1000, help="[default: %(default)s]")
    parser.add_argument("--versions", type=int, default=100, help="of each model [default: %(default)s]")
    parser.add_argument("--seed", type=int, default=1, help="[default: %(default)s]")
    parser.add_argument("--workers", type=int, help="processes [default: one for each core]")
    options = parser.parse_args()
    done = generate(options.root, options.models, options.versions, seed=options.seed, workers=options.workers)
    print(
        f"{done.versions:,} versions in {done.models:,} models, {done.events:,} events: "
        f"{done.size_bytes / 2**20:,.0f} MiB on disk, written in {done.duration_s:.1f} s"
    )


if __name__ == "__main__":
    main()

"""A registry is copied from one storage to another: packages proven, journals byte for byte.

It can be run again at any time: what is there already is compared and passed over, and what the
source has gained since is added. Packages come first and the journal after them, so that the
destination never has an event whose bytes are missing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from . import manifest, packages
from .changes import finish_pending
from .errors import NameTaken, PackageCorrupt
from .hashing import digest, hash_stream, in_parallel
from .journal import Line
from .layout import MANIFEST, REGISTRY
from .model import MigrationReport, ProgressCallback
from .models import ModelStore, all_models
from .progress import Meter
from .storage.base import Artifact, Entry, Facts, KeyNotFound, Storage


@dataclass(frozen=True)
class _StoredFile:
    """A file of a package in the source storage, as something to take in."""

    storage: Storage
    package: str
    path: str
    size_bytes: int
    tick: Callable[[int], None]

    def pour(self, sink: BinaryIO) -> tuple[str, int]:
        with self.storage.open(self.package, self.path) as reader:
            return hash_stream(reader, copy_to=sink, size_hint=self.size_bytes, tick=self.tick)


def migrate(
    source: Storage, target: Storage, *, lock_timeout_s: float, workers: int, progress: ProgressCallback | None
) -> MigrationReport:
    """Every model of ``source`` is in ``target`` too, proven, with its whole history.

    Raises ``PackageCorrupt`` for a source version that is not what was registered, ``NameTaken``
    where the target holds another history of a model; what was copied until then stays, and is
    passed over by the next run.
    """
    target.check_guarantees()
    models = list(all_models(source, lock_timeout_s))
    for model in models:
        finish_pending(model)
    meter = Meter(progress)
    missing = [
        (model, version) for model in models for version in model.versions() if not _is_there(model, version, target)
    ]
    sizes = [[entry.size_bytes or 0 for entry in _files(model, version)] for model, version in missing]
    meter.start(sum(map(len, sizes)), sum(map(sum, sizes)))
    _copy_document(source, target, REGISTRY)
    for model, version in missing:
        _copy_package(model, version, target, workers, meter)
    events = sum(_copy_journal(model, target) for model in models)
    for model in models:
        _copy_documents(model, target)
    versions = sum(len(list(model.versions())) for model in models)
    return MigrationReport(
        models=len(models),
        versions=versions,
        versions_copied=len(missing),
        events_copied=events,
        bytes_copied=sum(map(sum, sizes)),
    )


def _files(model: ModelStore, version: str) -> list[Entry]:
    return list(model.storage.list(model.keys.package(version), deep=True))


def _is_there(model: ModelStore, version: str, target: Storage) -> bool:
    package = model.keys.package(version)
    try:
        if not target.sealed(package):
            return False
        present = digest(manifest.read_file(target, package, MANIFEST))
    except KeyNotFound:
        present = None
    if present != packages.package_digest(model, version):
        raise NameTaken(f"The destination holds other bytes as {model.title}@{version}. Choose an empty destination.")
    return True


def _copy_package(model: ModelStore, version: str, target: Storage, workers: int, meter: Meter) -> None:
    package = model.keys.package(version)
    line = model.registered(version)
    attempt = (line.get("attempt") if line else None) or uuid.uuid4().hex
    target.stage(package, attempt).discard()  # what an interrupted run has left of it
    entries = _files(model, version)
    others = [entry.key for entry in entries if entry.kind != "file"]
    if others:
        raise PackageCorrupt(f"{model.title}@{version} holds something that is no regular file: {others[0]!r}.")
    with target.stage(package, attempt) as staging:

        def take(entry: Entry) -> Artifact:
            path = entry.key[len(package) + 1 :]
            artifact = staging.add(path, _StoredFile(model.storage, package, path, entry.size_bytes or 0, meter.tick))
            meter.file_done()
            return artifact

        copied = {artifact.path: artifact for artifact in in_parallel(take, entries, workers)}
        facts = _prove(model, version, line, copied)
        staging.seal()
        staging.reserve()
        staging.publish(facts)


def _prove(model: ModelStore, version: str, line: Line | None, copied: dict[str, Artifact]) -> Facts:
    """The copied bytes are the registered ones; for older software's, all that its manifest lists."""
    if MANIFEST not in copied:
        if line is None:
            return Facts(None, None)  # older software's half version stays what it is
        raise PackageCorrupt(f"{model.title}@{version} has no manifest. Restore it before migrating.")
    package_digest = "sha256:" + copied[MANIFEST].sha256
    wrong = []
    if line is not None:
        hashes = packages.manifest_hashes(model, version)
        wrong = [path for path, sha256 in hashes.items() if path not in copied or copied[path].sha256 != sha256]
        wrong += sorted(copied.keys() - hashes.keys() - {MANIFEST})
        if package_digest != line.get("package_digest"):
            wrong.append(MANIFEST)
    if wrong:
        raise PackageCorrupt(
            f"{model.title}@{version} is damaged at the source ({wrong[0]!r}). Verify and restore it before migrating.",
            problems=[{"path": path, "kind": "changed", "expected": None, "actual": None} for path in wrong],
        )
    return Facts(line.seq if line else None, package_digest)


def _copy_journal(model: ModelStore, target: Storage) -> int:
    """The target's log continues to the source's end; returns how many records that took."""
    log = model.keys.journal
    here = model.storage.records(log)
    for seq, record in target.records(log):
        if next(here, None) != (seq, record):
            raise NameTaken(f"The destination has another history of {model.title}. Choose an empty destination.")
    copied = 0
    for seq, record in here:
        target.append(log, record, seq)
        copied += 1
    return copied


def _copy_documents(model: ModelStore, target: Storage) -> None:
    """Aliases, states and whatever older software kept beside them."""
    passed_over = (model.keys.versions + "/", model.keys.journal.rpartition("/")[0] + "/")
    for entry in model.storage.list(model.keys.model, deep=True):
        name = entry.key.rsplit("/", 1)[-1]
        if entry.kind == "file" and name != ".lock" and not entry.key.startswith(passed_over):
            _copy_document(model.storage, target, entry.key)


def _copy_document(source: Storage, target: Storage, key: str) -> None:
    try:
        data = source.read(key).data
    except KeyNotFound:
        return
    try:
        known = target.read(key).data
    except KeyNotFound:
        known = None
    if known != data:
        target.write(key, data)

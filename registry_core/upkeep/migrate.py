"""A registry is copied from one storage to another: packages proven, journals byte for byte.

It can be run again at any time: what is there already is compared and passed over, and what the
source has gained since is added. Packages come first and the journal after them, so that the
destination never has an event whose bytes are missing; then the events move them as they say
(deleted versions, notes), and the documents follow.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from ..format import manifest
from ..format.chain import Line, chain
from ..format.layout import CHECKPOINT, MANIFEST, ModelKeys
from ..models import package_manifest
from ..models.all_models import all_models
from ..models.changes import finish_pending
from ..models.model import ModelStore
from ..models.registry_journal import shown_note
from ..packages.hash_stream import hash_stream
from ..packages.parallel import in_parallel
from ..packages.sources import BytesSource
from ..storage.contract import Entry, Facts, KeyNotFound, PreconditionFailed, Storage
from ..vocabulary.artifact import Artifact
from ..vocabulary.errors import DestinationDiffers, PackageCorrupt
from ..vocabulary.progress import Meter, ProgressCallback
from ..vocabulary.reports import MigrationReport
from ..vocabulary.texts import digest
from . import attested, of_registry, training_runs


@dataclass(frozen=True)
class _CopiedFile:
    """A file of a package in the source storage, as something to take in."""

    storage: Storage
    package: str
    path: str
    size_bytes: int
    tick: Callable[[int], None]

    def pour(self, sink: BinaryIO) -> tuple[str, int]:
        with self.storage.packages.open(self.package, self.path) as reader:
            return hash_stream(reader, copy_to=sink, size_hint=self.size_bytes, tick=self.tick)


@dataclass(frozen=True)
class _Package:
    """A version of the source. ``key``: where its bytes are, published or retired; None if they were purged."""

    model: ModelStore
    version: str
    key: str | None

    @property
    def title(self) -> str:
        return f"{self.model.title}@{self.version}"

    @property
    def target_key(self) -> str:
        return self.model.keys.package(self.version)

    @property
    def grave(self) -> str:
        return self.model.keys.grave(self.version)

    def files(self) -> list[Entry]:
        return list(self.model.storage.documents.list(self.key, deep=True)) if self.key is not None else []


def migrate(
    source: Storage,
    target: Storage,
    *,
    is_same_registry: bool,
    lock_timeout_s: float,
    workers: int,
    progress: ProgressCallback | None,
) -> MigrationReport:
    """Every model of ``source`` is in ``target`` too, proven, with its whole history; and what is of the registry
    itself, where ``is_same_registry``.

    Raises ``PackageCorrupt`` for a source version that is not what was registered or a damaged journal,
    ``JournalCorrupt`` for one that ends before what is shown of it, ``DestinationDiffers`` where the target has other
    bytes of a version or another history of a model; what was copied until then stays, and is passed over by the next
    run.
    """
    target.check_guarantees()
    note = shown_note(source) if is_same_registry else None  # before the journals, which reach as far then
    events = of_registry.copy(source, target, lock_timeout_s) if is_same_registry else 0  # first: it closes the target
    models = list(all_models(source, lock_timeout_s))
    for model in models:
        finish_pending(model)
        model.require_all_reached()  # what the source has lost, the copy would never be found to lack
    missing = [package for model in models for package in _packages(model) if not _is_there(package, target)]
    meter, files, size_bytes = Meter(progress), 0, 0
    for package in missing:
        for entry in package.files():
            files, size_bytes = files + 1, size_bytes + (entry.size_bytes or 0)
    meter.start(files, size_bytes)
    for package in missing:
        _copy_package(package, target, workers, meter)
    for model in models:
        attested.copy(model, target)
        with target.documents.lock(model.keys.model, lock_timeout_s):
            events += _copy_journal(model, target)
    for model in models:
        _follow_journal(ModelStore(target, model.keys.task, model.keys.model_name, lock_timeout_s))
        _copy_documents(model, target)
        for run_id in training_runs.copy(model, target, _copy_document):
            raise _differs(model, f"The destination has other points of the run {run_id!r} of {model.title}.")
    if note is not None:
        target.documents.write(CHECKPOINT, note)  # last: whoever sees it finds all that it covers
    versions = sum(1 for model in models for _ in model.versions())
    return MigrationReport(
        models=len(models),
        versions=versions,
        versions_copied=sum(package.key is not None for package in missing),
        events_copied=events,
        bytes_copied=size_bytes,
    )


def _packages(model: ModelStore) -> Iterator[_Package]:
    for version in model.versions():
        yield _Package(model, version, model.keys.package(version))
    for version in model.deleted():
        if model.locate(version) is None:
            key = model.storage.packages.retired(model.keys.package(version), model.keys.grave(version))
            yield _Package(model, version, key)


def _is_there(package: _Package, target: Storage) -> bool:
    if package.key is None:
        # A purged version's name stays taken: by its journal, or where that is slow to read by its facts.
        return not target.packages.keeps_facts() or target.packages.facts(package.target_key) is not None
    is_published = target.packages.sealed(package.target_key)
    key = package.target_key if is_published else target.packages.retired(package.target_key, package.grave)
    if key is None:
        return False
    if _manifest(target, key) != _manifest(package.model.storage, package.key):
        raise _differs(package.model, f"The destination has other bytes as {package.title}.", version=package.version)
    return True


def _differs(model: ModelStore, what: str, **more: str) -> DestinationDiffers:
    who = {"task": model.keys.task, "model_name": model.keys.model_name, **more}
    return DestinationDiffers(f"{what} Choose an empty destination.", **who)


def _manifest(storage: Storage, key: str) -> bytes | None:
    try:
        return storage.packages.read(key, MANIFEST)
    except KeyNotFound:
        return None


def _copy_package(package: _Package, target: Storage, workers: int, meter: Meter) -> None:
    model, source_key = package.model, package.key
    line = model.registered(package.version)
    attempt = (line.get("attempt") if line else None) or uuid.uuid4().hex
    target.packages.stage(package.target_key, attempt).discard()  # what an interrupted run has left of it
    entries = package.files()
    others = [entry.key for entry in entries if entry.kind != "file"]
    if others:
        raise PackageCorrupt(f"{package.title} holds something that is no regular file: {others[0]!r}.")
    with target.packages.stage(package.target_key, attempt) as staging:

        def take(entry: Entry) -> Artifact:
            assert source_key is not None
            path = entry.key[len(source_key) + 1 :]
            size_bytes = entry.size_bytes or 0
            artifact = staging.add(path, _CopiedFile(model.storage, source_key, path, size_bytes, meter.tick))
            meter.file_done()
            return artifact

        copied = {artifact.path: artifact for artifact in in_parallel(take, entries, workers)}
        if source_key is None:
            staging.add(MANIFEST, BytesSource(b""))  # the journal's delete and purge take it away again
            facts = Facts(line.seq, line.get("package_digest")) if line else Facts(None, None)
        else:
            facts = _prove(package, line, copied)
        staging.seal()
        staging.reserve()
        staging.publish(facts)


def _prove(package: _Package, line: Line | None, copied: dict[str, Artifact]) -> Facts:
    """The copied bytes are the registered ones; for older software's, all that its manifest lists."""
    model, adopted = package.model, package_manifest.baseline(package.model, package.version, line)
    if MANIFEST not in copied:
        if line is None:
            return Facts(None, None)  # older software's half version stays what it is
        raise PackageCorrupt(f"{package.title} has no manifest. Restore it before migrating.")
    own_digest = "sha256:" + copied[MANIFEST].sha256
    if line is None:
        return Facts(None, own_digest)
    assert package.key is not None
    names = adopted if adopted is not None else model.storage.packages.read(package.key, MANIFEST)
    hashes = manifest.parse(names, covers_manifest=adopted is not None).hashes
    wrong = [path for path, sha256 in hashes.items() if path not in copied or copied[path].sha256 != sha256]
    wrong += sorted(copied.keys() - hashes.keys() - {MANIFEST})
    if digest(names) != line.get("package_digest"):
        wrong.append(MANIFEST)
    if wrong:
        raise PackageCorrupt(
            f"{package.title} is damaged at the source ({wrong[0]!r}). Verify and restore it before migrating.",
            problems=[{"path": path, "kind": "changed", "expected": None, "actual": None} for path in wrong],
        )
    return Facts(None, own_digest) if adopted is not None else Facts(line.seq, own_digest)


def _copy_journal(model: ModelStore, target: Storage) -> int:
    """The target's log continues to the source's end; returns how many records that took."""
    log = model.keys.journal
    broken = {link.line.seq for link in chain(model.journal.lines()) if link.faults and link.line.fields is None}
    here = model.storage.documents.records(log)
    for seq, record in target.documents.records(log):
        if next(here, None) != (seq, record):
            raise _differs(model, f"The destination has another history of {model.title}.")
    copied = 0
    for seq, record in here:
        if seq in broken:
            # A storage would take it for one that a crash has torn, and lose what follows.
            raise PackageCorrupt(
                f"Line {seq} of the journal of {model.title} is no event. Restore the journal before migrating."
            )
        target.documents.append(log, record, seq)
        copied += 1
    return copied


def _follow_journal(model: ModelStore) -> None:
    """The target's packages are retired and annotated as the events say; repeatable, in their order."""
    for line in model.journal.lines():
        if line.is_own and line.fields is not None:
            with suppress(KeyNotFound, PreconditionFailed):  # of a package whose bytes were purged
                model.follow(line.fields)


def _copy_documents(model: ModelStore, target: Storage) -> None:
    """Aliases, states, tombstones and whatever older software kept beside them; what is gone goes there too."""
    keys = model.keys
    for entry in model.storage.documents.list(keys.model):
        if entry.name.startswith("."):
            continue  # what the storage itself keeps there: a lock, an index
        if entry.kind == "file":
            _copy_document(model.storage, target, entry.key)
        elif entry.kind == "prefix" and entry.key not in _apart(keys):
            for key in _documents_below(model.storage, entry.key, keys.graves):
                _copy_document(model.storage, target, key)
    target.documents.delete(keys.used_keys_known)  # nobody has written down there what the events that came have used
    for prefix in (keys.aliases, keys.states, keys.evidences, keys.graves):
        kept = set(_documents_below(model.storage, prefix, keys.graves))
        for key in list(_documents_below(target, prefix, keys.graves)):
            if key not in kept:
                target.documents.delete(key)


def _apart(keys: ModelKeys) -> tuple[str, ...]:
    """What is copied in its own way, or made anew of the journal."""
    return keys.versions, keys.runs, keys.used_keys, keys.attestations, keys.journal.rpartition("/")[0]


def _documents_below(storage: Storage, prefix: str, graves: str) -> Iterator[str]:
    """The keys of documents; the files of retired packages are none."""
    for entry in storage.documents.list(prefix, deep=True):
        inside = entry.key.removeprefix(graves + "/").split("/")
        is_buried = entry.key.startswith(graves + "/") and len(inside) > 2 and inside[1] == "package"
        if entry.kind == "file" and not is_buried:
            yield entry.key


def _copy_document(source: Storage, target: Storage, key: str) -> None:
    try:
        data = source.documents.read(key).data
    except KeyNotFound:
        return
    try:
        known = target.documents.read(key).data
    except KeyNotFound:
        known = None
    if known != data:
        target.documents.write(key, data)

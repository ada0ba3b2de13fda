"""Deletion that science can accept: refused while in use, reasoned, restorable, and never forgotten."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from ..format.chain import Line
from ..format.layout import MANIFEST
from ..models import aliases, manifests, tombstones
from ..models.changes import change, commit_next, finish_pending, settle
from ..models.model import ModelStore
from ..models.projections import Fields, seq_of, set_aside
from ..models.tombstones import tombstone_fields
from ..packages import verify
from ..packages.verify import corrupt
from ..storage.contract import KeyNotFound
from ..vocabulary.answers import Problem, Restoration, Tombstone
from ..vocabulary.errors import InvalidParameter, RegistryError, VersionExists, VersionInUse, VersionNotFound
from ..vocabulary.progress import Meter, ProgressCallback
from ..vocabulary.reports import PurgeReport
from ..vocabulary.times import parse_time
from ..vocabulary.who import check_words

log = logging.getLogger(__name__)

MAX_LOOKS = 20  # at a version that others keep moving


def delete(model: ModelStore, version: str, *, actor: str | None, reason: str | None) -> Tombstone:
    """Nobody finds the version any more; its bytes are kept until they are purged, its tombstone for ever.

    Raises ``VersionNotFound``, ``VersionInUse`` while an alias names it, ``InvalidParameter`` without a
    reason; nothing has changed then.
    """
    check_words(actor, reason)
    if reason is None or not reason.strip():
        raise InvalidParameter("Say why the version is deleted: reason is required.", field="reason")
    settle(model, version)
    _require_unused(model, version)

    def decide(last: Line | None) -> Tombstone:
        _require_unused(model, version)
        with set_aside(model.storage, model.keys.kept_manifest(version), _manifest(model, version)):
            event = commit_next(model, last, "delete", version=version, actor=actor, reason=reason)
        return Tombstone(
            version=version,
            package_digest=event["package_digest"],
            deleted_at=event["ts_utc"],
            actor=actor,
            reason=reason,
            purged_at=None,
            seq=event["seq"],
        )

    return change(model, decide)


def restore(
    model: ModelStore,
    version: str,
    *,
    actor: str | None,
    reason: str | None,
    workers: int,
    progress: ProgressCallback | None,
) -> Restoration:
    """The deleted version is back, every byte of it proven first.

    Raises ``VersionNotFound`` if it was never deleted or is purged, ``VersionExists`` if it is there,
    ``PackageCorrupt``; it stays deleted then.
    """
    check_words(actor, reason)
    _prove_retired(model, version, workers, progress)

    def decide(last: Line | None) -> Restoration:
        _retired(model, version)
        digest = _registered_digest(model, version)
        event = commit_next(model, last, "restore", version=version, actor=actor, reason=reason, package_digest=digest)
        return Restoration(version, model.require_version(version), digest, event["seq"], event["ts_utc"])

    return change(model, decide)


def purge(
    model: ModelStore, older_than_s: float, *, actor: str | None, reason: str | None, dry_run: bool
) -> PurgeReport:
    """The bytes of versions deleted longer ago than the age are gone; their tombstones and names stay."""
    check_words(actor, reason)
    before = datetime.now(UTC) - timedelta(seconds=older_than_s)
    purged, kept, freed = [], [], 0
    for version in model.deleted():
        stone = tombstones.read(model.storage, model.keys, version)
        if stone is None or stone.get("purged_at") is not None:
            continue
        title = f"{model.title}@{version}"
        deleted_at = parse_time(stone.get("deleted_at"))
        if deleted_at is None or deleted_at > before:
            kept.append(title)
            continue
        freed += _size_bytes(model, version)
        if not dry_run:
            _purge(model, version, seq_of(stone), actor, reason)
        purged.append(title)
    return PurgeReport(purged, kept, freed)


def _purge(model: ModelStore, version: str, deleted_by: int | None, actor: str | None, reason: str | None) -> None:
    def decide(last: Line | None) -> None:
        stone = tombstones.read(model.storage, model.keys, version)
        if stone is None or seq_of(stone) != deleted_by:
            return  # restored meanwhile, or purged by somebody else
        digest = stone.get("package_digest")
        commit_next(model, last, "purge", version=version, actor=actor, reason=reason, package_digest=digest)

    change(model, decide)


def _require_unused(model: ModelStore, version: str) -> None:
    model.require_version(version)
    # Not as readers are told: a damaged document hides no alias from this.
    known = aliases.names(model.storage, model.keys)
    naming = [alias for alias in known if model.alias_target(alias) == version]
    if naming:
        raise VersionInUse(
            f"{model.title}@{version} is named by {', '.join(naming)}. Move or remove the alias first.",
            version=version,
            aliases=naming,
        )


def _manifest(model: ModelStore, version: str) -> bytes | None:
    try:
        return manifests.manifest_bytes(model, version)[0]
    except KeyNotFound:
        return None  # older software's half version


def _retired(model: ModelStore, version: str) -> tuple[str, Fields]:
    """(key of the deleted version's bytes, its tombstone)."""
    if model.has_version(version):
        raise VersionExists(f"{model.title}@{version} is not deleted, so it cannot be restored.", version=version)
    stone = tombstone_fields(model, version)
    if stone is None:
        model.require_version(version)  # says that there is none
        raise VersionExists(f"{model.title}@{version} is not deleted.", version=version)
    key = model.storage.retired(model.keys.package(version), model.keys.grave(version))
    if stone.get("purged_at") is not None or key is None:
        raise VersionNotFound(
            f"The bytes of {model.title}@{version} were purged; only its tombstone is left.",
            version=version,
            deleted=dict(stone),
        )
    return key, stone


def _registered_digest(model: ModelStore, version: str) -> str | None:
    line = model.registered(version)
    if line is not None:
        return str(line.get("package_digest"))
    stone = tombstones.read(model.storage, model.keys, version)
    return stone.get("package_digest") if stone is not None else None


def _prove_retired(model: ModelStore, version: str, workers: int, progress: ProgressCallback | None) -> None:
    """The deleted version's bytes are what they were; no lock is held while they are read."""
    for _ in range(MAX_LOOKS):
        before = model.journal.last()
        finish_pending(model)  # what a delete or a purge has left, or is still at, is no damage
        refusal: RegistryError
        try:
            problems = _problems_of_retired(model, version, workers, progress)
            if not problems:
                return
            refusal = corrupt(model, version, problems)
        except (VersionNotFound, VersionExists) as error:
            refusal = error
        if model.journal.last() == before:  # else somebody may have moved it while it was looked at
            break
    raise refusal


def _problems_of_retired(
    model: ModelStore, version: str, workers: int, progress: ProgressCallback | None
) -> list[Problem]:
    key, stone = _retired(model, version)
    line = model.registered(version)
    report = verify.examine(
        model.storage,
        key,
        str(line.get("package_digest")) if line else None,
        baseline=manifests.baseline(model, version, line),
        workers=workers,
        meter=Meter(progress),
    )
    problems = report.problems
    if line is None:
        # Older software's comes back as what it was when it was deleted, half or whole.
        is_half = stone.get("package_digest") is None
        problems = [problem for problem in problems if not (is_half and problem.path == MANIFEST)]
        if not is_half and report.package_digest != stone.get("package_digest"):
            problems.append(Problem(MANIFEST, "manifest", stone.get("package_digest"), report.package_digest))
    return problems


def _size_bytes(model: ModelStore, version: str) -> int:
    key = model.storage.retired(model.keys.package(version), model.keys.grave(version))
    if key is None:
        return 0
    try:
        return sum(entry.size_bytes or 0 for entry in model.storage.list(key, deep=True))
    except RegistryError as error:
        log.error("%s@%s: its size cannot be told: %s", model.title, version, error.message)
        return 0

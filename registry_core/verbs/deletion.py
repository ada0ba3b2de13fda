"""Deletion that science can accept: refused while in use, reasoned, restorable, and never forgotten."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..format.events import DELETE, PURGE, RESTORE
from ..format.layout import MANIFEST, ModelKeys
from ..models import package_manifest
from ..models.changes import Committed, Draft, change, finish_pending, standing
from ..models.missing import no_version
from ..models.model import ModelStore
from ..models.projections import Fields, seq_of
from ..packages import verify
from ..packages.verify import corrupt
from ..storage.contract import KeyNotFound
from ..vocabulary.answers import Problem, Restoration, Tombstone
from ..vocabulary.errors import InvalidParameter, RegistryError, VersionExists, VersionInUse, VersionNotFound
from ..vocabulary.progress import Meter, ProgressCallback
from ..vocabulary.reports import PurgeReport
from ..vocabulary.texts import check_words, parse_time

log = logging.getLogger(__name__)

MAX_LOOKS = 20  # at a version that others keep moving


@dataclass(frozen=True)
class SeenDelete:
    """What a deletion looks at. ``naming``: the aliases that name the version; ``manifest``: what is kept of it."""

    model: ModelKeys
    is_published: bool
    naming: tuple[str, ...]
    manifest: bytes | None
    package_digest: str | None


def delete(model: ModelStore, version: str, *, actor: str | None, reason: str | None) -> Tombstone:
    """Nobody finds the version any more; its bytes are kept until they are purged, its tombstone for ever.

    Raises ``VersionNotFound``, ``VersionInUse`` while an alias names it, ``InvalidParameter`` without a
    reason; nothing has changed then.
    """
    check_words(actor, reason)
    if reason is None or not reason.strip():
        raise InvalidParameter("Say why the version is deleted: reason is required.", field="reason")
    event = change(
        model,
        lambda: look_delete(model, version),
        lambda seen: decide_delete(seen, version, actor, reason),
        reserve=lambda: _require_movable(model, version),
    ).event
    return Tombstone(
        version=version,
        package_digest=event["package_digest"],
        deleted_at=event["ts_utc"],
        actor=event["actor"],
        reason=reason,
        purged_at=None,
        seq=event["seq"],
    )


def look_delete(model: ModelStore, version: str) -> SeenDelete:
    if not model.has_version(version):
        return SeenDelete(model.keys, False, (), None, None)
    naming = tuple(alias.alias for alias in model.told.aliases() if alias.version == version)
    return SeenDelete(
        model.keys, True, naming, _manifest(model, version), package_manifest.manifest_digest(model, version)
    )


def decide_delete(seen: SeenDelete, version: str, actor: str | None, reason: str | None) -> Draft:
    if not seen.is_published:
        no_version(seen.model, version)
    if seen.naming:
        raise VersionInUse(
            f"{seen.model.title}@{version} is named by {', '.join(seen.naming)}. Move or remove the alias first.",
            version=version,
            aliases=list(seen.naming),
        )
    kept = {} if seen.manifest is None else {seen.model.kept_manifest(version): seen.manifest}
    return Draft(DELETE, version, actor, reason, package_digest=seen.package_digest, beside=kept)


@dataclass(frozen=True)
class SeenRetired:
    """A version that shall come back. ``key``: where its bytes are kept, None if they are not.

    ``registered_digest`` is that of the register event, or of older software's manifest when it was deleted.
    """

    model: ModelKeys
    is_published: bool
    stone: Fields | None
    key: str | None
    registered_digest: str | None

    def check(self, version: str) -> str:
        """The key of the kept bytes. Raises ``VersionNotFound``, ``VersionExists``."""
        if self.is_published:
            raise VersionExists(
                f"{self.model.title}@{version} is not deleted, so it cannot be restored.", version=version
            )
        if self.stone is None:
            no_version(self.model, version)
        if self.stone.get("purged_at") is not None or self.key is None:
            raise VersionNotFound(
                f"The bytes of {self.model.title}@{version} were purged; only its tombstone is left.",
                version=version,
                deleted=dict(self.stone),
            )
        return self.key


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
    done = change(
        model,
        lambda: look_retired(model, version),
        lambda seen: decide_restore(seen, version, actor, reason),
        reserve=lambda: _require_movable(model, version),
    )
    event = done.event
    with standing(model, event):
        path = model.locate(version) or str(done.seen.key)  # somebody has deleted it again since
    return Restoration(version, path, event["package_digest"], event["seq"], event["ts_utc"])


def look_retired(model: ModelStore, version: str) -> SeenRetired:
    is_published = model.has_version(version)
    stone = None if is_published else model.tombstone_fields(version)
    if stone is None:
        return SeenRetired(model.keys, is_published, None, None, None)
    key = model.storage.packages.retired(model.keys.package(version), model.keys.grave(version))
    line = model.registered(version)
    digest = str(line.get("package_digest")) if line is not None else stone.get("package_digest")
    return SeenRetired(model.keys, False, stone, key, digest)


def decide_restore(seen: SeenRetired, version: str, actor: str | None, reason: str | None) -> Draft:
    seen.check(version)
    return Draft(RESTORE, version, actor, reason, package_digest=seen.registered_digest)


def purge(
    model: ModelStore,
    older_than_s: float,
    *,
    actor: str | None,
    reason: str | None,
    dry_run: bool,
    given_up: Counter[str],
) -> PurgeReport:
    """The bytes of versions deleted longer ago than the age are gone; their tombstones and names stay.

    ``given_up``: how many names of bytes that have several would be gone, of those that a preview has come by.
    """
    check_words(actor, reason)
    before = datetime.now(UTC) - timedelta(seconds=older_than_s)
    purged, kept, freed = [], [], 0
    for version in model.deleted():
        stone = model.told.tombstone(version)
        if stone is None or stone.get("purged_at") is not None:
            continue
        title = f"{model.title}@{version}"
        deleted_at = parse_time(stone.get("deleted_at"))
        if deleted_at is None or deleted_at > before:
            kept.append(title)
            continue
        frees = _frees_bytes(model, version, given_up if dry_run else Counter())
        if dry_run or _purge(model, version, seq_of(stone), actor, reason):
            purged.append(title)
            freed += frees
    return PurgeReport(purged, kept, freed)


@dataclass(frozen=True)
class SeenPurge:
    """What a purge looks at: the tombstone as it is now."""

    stone: Fields | None


def _purge(model: ModelStore, version: str, deleted_by: int | None, actor: str | None, reason: str | None) -> bool:
    """Whether it is purged by this call."""

    def decide(seen: SeenPurge) -> Draft | bool:
        if seen.stone is None or seq_of(seen.stone) != deleted_by:
            return True  # restored meanwhile, or purged by somebody else
        return Draft(PURGE, version, actor, reason, package_digest=seen.stone.get("package_digest"))

    return isinstance(change(model, lambda: SeenPurge(model.told.tombstone(version)), decide), Committed)


def _require_movable(model: ModelStore, version: str) -> None:
    model.storage.packages.require_movable(model.keys.package(version), model.keys.grave(version))


def _manifest(model: ModelStore, version: str) -> bytes | None:
    try:
        return package_manifest.manifest_bytes(model, version)[0]
    except KeyNotFound:
        return None  # older software's half version


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
    seen = look_retired(model, version)
    key, stone = seen.check(version), seen.stone or {}
    line = model.registered(version)
    report = verify.examine(
        model.storage,
        key,
        str(line.get("package_digest")) if line else None,
        baseline=package_manifest.baseline(model, version, line),
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


def _frees_bytes(model: ModelStore, version: str, given_up: Counter[str]) -> int:
    """How many bytes its removal gives back: bytes that have several names only with the last of them."""
    key = model.storage.packages.retired(model.keys.package(version), model.keys.grave(version))
    if key is None:
        return 0
    freed = 0
    try:
        for entry in model.storage.documents.list(key, deep=True):
            if entry.shared is not None:
                bytes_of, names = entry.shared
                given_up[bytes_of] += 1
                if given_up[bytes_of] < names:
                    continue
            freed += entry.size_bytes or 0
    except RegistryError as error:
        log.error("%s@%s: its size cannot be told: %s", model.title, version, error.message)
        return 0
    return freed

"""What a store keeps of purged versions, as old versions of their objects: said, and removed where it is wanted."""

from __future__ import annotations

from dataclasses import replace

from ..models.model import ModelStore
from ..storage.contract import Storage
from ..vocabulary.reports import PurgeReport

COMMAND = "omr purge --old-versions"


def require_removable(storage: Storage) -> None:
    """Old versions can be listed here, so that nothing is purged before it turns out that they cannot.

    Raises ``InvalidParameter``, ``StorageUnavailable``.
    """
    storage.packages.remove_remains("versions")  # no package lies there


def left_behind(model: ModelStore, done: PurgeReport, *, dry_run: bool) -> PurgeReport:
    """What was purged, with what of it the store keeps, or with ``dry_run`` would keep, taken off and said."""
    packages = model.storage.packages
    if not done.purged:
        return done
    if dry_run:
        keeps = packages.keeps_erased()
        if keeps:
            text = "The bucket keeps what is removed as old versions, so nothing is freed without --old-versions."
            return replace(done, bytes_freed=0, warnings=[text])
        left = None if keeps is None else 0
    else:
        sizes = [packages.remains(model.keys.package(title.rpartition("@")[2])) for title in done.purged]
        left = None if None in sizes else sum(size or 0 for size in sizes)
    if left is None:
        text = "Whether the store keeps old versions of what is purged cannot be told: see its versioning, soft delete."
        return replace(done, warnings=[text])
    if left == 0:
        return done
    text = f"{model.title}: the bucket keeps {left} bytes of what was purged as old versions; '{COMMAND}' removes them."
    return replace(done, bytes_freed=max(0, done.bytes_freed - left), warnings=[text])


def clear(model: ModelStore, done: PurgeReport, *, dry_run: bool) -> PurgeReport:
    """What was purged, now or before, is not kept as old versions either. Raises ``StorageUnavailable``."""
    packages, cleared, freed = model.storage.packages, [], done.bytes_freed
    for version in model.deleted():
        title, stone = f"{model.title}@{version}", model.told.tombstone(version)
        if stone is None or stone.get("purged_at") is None:  # it can be restored
            continue
        key = model.keys.package(version)
        size = packages.remains(key) if dry_run else packages.remove_remains(key)
        if size:
            cleared.append(title)
            freed += 0 if title in done.purged else size
    return replace(done, cleared=cleared, bytes_freed=freed)

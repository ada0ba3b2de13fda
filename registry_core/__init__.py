"""The model registry's core: immutable versions, aliases with an audit trail, exact bytes.

>>> registry = ModelRegistry.open("/srv/models")                            # doctest: +SKIP
>>> registry.register("celltype", "human_pbmc", "1.0.0", "/data/run_17")    # doctest: +SKIP
>>> registry.resolve("celltype", "human_pbmc@latest").path                  # doctest: +SKIP

Needs neither Flask nor an object-store library. Everything else in this package is private.
"""

from __future__ import annotations

from .config import CoreSettings
from .errors import (
    AliasMoved,
    AliasNotFound,
    ArtifactsRefused,
    Conflict,
    DigestMismatch,
    IdempotencyKeyReused,
    IntegrityError,
    InvalidInput,
    InvalidMetadata,
    InvalidName,
    InvalidParameter,
    InvalidRef,
    LockTimeout,
    ModelNotFound,
    NameTaken,
    NotConfigured,
    NotFound,
    PackageCorrupt,
    RegistryError,
    StorageError,
    StorageFull,
    StorageUnavailable,
    VersionExists,
    VersionInUse,
    VersionNotFound,
)
from .model import (
    Alias,
    CheckReport,
    Description,
    Event,
    Finding,
    HistoryPage,
    MigrationReport,
    PackageFile,
    PackageListing,
    Problem,
    Progress,
    Promotion,
    Registration,
    Resolution,
    SweepReport,
    Verification,
)
from .promotion import UNSET
from .registry import ModelRegistry
from .version import __version__

__all__ = [
    "UNSET",
    "Alias",
    "AliasMoved",
    "AliasNotFound",
    "ArtifactsRefused",
    "CheckReport",
    "Conflict",
    "CoreSettings",
    "Description",
    "DigestMismatch",
    "Event",
    "Finding",
    "HistoryPage",
    "IdempotencyKeyReused",
    "IntegrityError",
    "InvalidInput",
    "InvalidMetadata",
    "InvalidName",
    "InvalidParameter",
    "InvalidRef",
    "LockTimeout",
    "MigrationReport",
    "ModelNotFound",
    "ModelRegistry",
    "NameTaken",
    "NotConfigured",
    "NotFound",
    "PackageCorrupt",
    "PackageFile",
    "PackageListing",
    "Problem",
    "Progress",
    "Promotion",
    "Registration",
    "RegistryError",
    "Resolution",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "SweepReport",
    "Verification",
    "VersionExists",
    "VersionInUse",
    "VersionNotFound",
    "__version__",
]

"""Every failure of the registry is one of these, and says what a person can do about it.

::

    RegistryError
    ├── InvalidInput            the request can never succeed as it stands
    │   ├── InvalidName            invalid_name
    │   ├── InvalidRef             invalid_ref
    │   ├── InvalidMetadata        invalid_metadata
    │   ├── InvalidParameter       invalid_parameter
    │   ├── TrustInvalid           trust_invalid
    │   ├── PolicyInvalid          policy_invalid
    │   ├── SignatureRefused       signature_refused
    │   ├── AttestationRefused     attestation_refused
    │   ├── ArtifactsRefused       artifacts_refused
    │   ├── UploadTooLarge         upload_too_large
    │   ├── PackRefused            pack_refused
    │   └── IdempotencyKeyReused   idempotency_key_reused
    ├── NotFound                the thing named is not there
    │   ├── ModelNotFound          model_not_found
    │   ├── VersionNotFound        version_not_found
    │   ├── AliasNotFound          alias_not_found
    │   ├── ArtifactNotFound       artifact_not_found
    │   ├── RunNotFound            run_not_found
    │   ├── UploadNotFound         upload_not_found
    │   ├── UploadExpired          upload_expired
    │   ├── OperationNotFound      operation_not_found
    │   ├── TokenNotFound          token_not_found
    │   ├── AttestationNotFound    attestation_not_found
    │   ├── FindingNotFound        finding_not_found
    │   ├── PolicyNotFound         policy_not_found
    │   ├── LogNotSet              log_not_set
    │   └── NotInLog               not_in_log
    ├── Conflict                the registry's state forbids it
    │   ├── VersionExists          version_exists
    │   ├── NameTaken              name_taken
    │   ├── AliasMoved             alias_moved
    │   ├── AccessMoved            access_moved
    │   ├── TrustMoved             trust_moved
    │   ├── PolicyMoved            policy_moved
    │   ├── PolicyUnreadable       policy_unreadable
    │   ├── GateNotMet             gate_not_met
    │   ├── LogBehind              log_behind
    │   ├── UploadOffsetMismatch   upload_offset_mismatch
    │   ├── UploadLocked           upload_locked
    │   ├── AnnouncementUnfinished announcement_unfinished
    │   ├── VersionInUse           version_in_use
    │   └── DestinationDiffers     destination_differs
    ├── IntegrityError          bytes are not what a digest says
    │   ├── DigestMismatch         digest_mismatch    (the caller's bytes)
    │   ├── ChecksumMismatch       checksum_mismatch  (the caller's, on their way)
    │   ├── PackageCorrupt         package_corrupt    (ours)
    │   ├── HoldingDamaged         holding_damaged    (ours)
    │   ├── JournalCorrupt         journal_corrupt    (ours)
    │   └── LogCorrupt             log_corrupt
    ├── StorageError            the disk or the store failed
    │   ├── StorageFull            storage_full
    │   ├── StorageUnavailable     storage_unavailable
    │   ├── IndexBuilding          index_building
    │   ├── ClockBehind            clock_behind
    │   ├── ClockWrong             clock_wrong
    │   └── LockTimeout            lock_timeout
    ├── Unauthenticated         unauthenticated
    ├── InvalidToken            invalid_token
    ├── IdentityUnavailable     identity_unavailable
    ├── PermissionDenied        permission_denied
    ├── AccessUnreadable        access_unreadable
    └── NotConfigured           not_configured

``code`` is stable and part of the contract; the message is for people and may change. Nothing
here knows HTTP: the mapping to status codes is ``app/web/errors.py``, to exit codes
``registry_client/cli/main.py``.
"""

from __future__ import annotations

from . import evidence_errors as evidence_errors  # whoever knows one leaf knows all
from .branches import Conflict as Conflict
from .branches import IntegrityError as IntegrityError
from .branches import InvalidInput as InvalidInput
from .branches import NotFound as NotFound
from .branches import RegistryError as RegistryError
from .branches import StorageError as StorageError


class InvalidName(InvalidInput):
    code = "invalid_name"
    title = "A name does not follow the naming rules"


class InvalidRef(InvalidInput):
    code = "invalid_ref"
    title = "A reference is not of the form model_name@selector"


class InvalidMetadata(InvalidInput):
    code = "invalid_metadata"
    title = "The metadata cannot be stored"


class InvalidParameter(InvalidInput):
    code = "invalid_parameter"
    title = "A parameter has a value that is not allowed"


class ArtifactsRefused(InvalidInput):
    code = "artifacts_refused"
    title = "The artifacts directory cannot be taken in"


class UploadTooLarge(InvalidInput):
    code = "upload_too_large"
    title = "The upload is larger than it may be"


class PackRefused(InvalidInput):
    code = "pack_refused"
    title = "The tar of an upload holds what it must not"


class IdempotencyKeyReused(InvalidInput):
    code = "idempotency_key_reused"
    title = "The idempotency key belongs to another request"


class ModelNotFound(NotFound):
    code = "model_not_found"
    title = "No such model"


class VersionNotFound(NotFound):
    code = "version_not_found"
    title = "No such version"


class AliasNotFound(NotFound):
    code = "alias_not_found"
    title = "No such alias"


class ArtifactNotFound(NotFound):
    code = "artifact_not_found"
    title = "No such file in the version"


class RunNotFound(NotFound):
    code = "run_not_found"
    title = "No such run of the model"


class UploadNotFound(NotFound):
    code = "upload_not_found"
    title = "No such upload"


class UploadExpired(NotFound):
    code = "upload_expired"
    title = "The upload has expired"


class OperationNotFound(NotFound):
    code = "operation_not_found"
    title = "No such operation"


class TokenNotFound(NotFound):
    code = "token_not_found"
    title = "There is no such token"


class VersionExists(Conflict):
    code = "version_exists"
    title = "The version already exists"


class NameTaken(Conflict):
    code = "name_taken"
    title = "The name is already used for something else"


class AliasMoved(Conflict):
    code = "alias_moved"
    title = "The alias is not where the request expected it"


class AccessMoved(Conflict):
    code = "access_moved"
    title = "The access document is not the one that the request expected"


class UploadOffsetMismatch(Conflict):
    code = "upload_offset_mismatch"
    title = "The upload is not where the request expected it"


class UploadLocked(Conflict):
    code = "upload_locked"
    title = "Somebody else is at work on the upload"


class AnnouncementUnfinished(Conflict):
    code = "announcement_unfinished"
    title = "More files of the upload were to be announced"


class VersionInUse(Conflict):
    code = "version_in_use"
    title = "An alias still names the version"


class DestinationDiffers(Conflict):
    code = "destination_differs"
    title = "The destination of a migration has something else"


class DigestMismatch(IntegrityError):
    code = "digest_mismatch"
    title = "The package does not match the manifest that it brings"


class ChecksumMismatch(IntegrityError):
    code = "checksum_mismatch"
    title = "The bytes that arrived are not the ones that were sent"


class PackageCorrupt(IntegrityError):
    code = "package_corrupt"
    title = "The stored package is damaged"


class HoldingDamaged(IntegrityError):
    code = "holding_damaged"
    title = "Files that the registry said it has are damaged there"


class JournalCorrupt(IntegrityError):
    code = "journal_corrupt"
    title = "The journal is not what was written"


class StorageFull(StorageError):
    code = "storage_full"
    title = "The storage is full"


class StorageUnavailable(StorageError):
    code = "storage_unavailable"
    title = "The storage does not answer as it should"


class IndexBuilding(StorageError):
    code = "index_building"
    title = "The index for lists is being built"


class ClockBehind(StorageError):
    code = "clock_behind"
    title = "The clock is behind the last event"


class ClockWrong(StorageError):
    code = "clock_wrong"
    title = "The clock is not that of the storage"


class LockTimeout(StorageError):
    code = "lock_timeout"
    title = "Another change to this model is still running"


class Unauthenticated(RegistryError):
    """Said whatever was asked for, there or not."""

    code = "unauthenticated"
    title = "Say who you are"


class InvalidToken(RegistryError):
    code = "invalid_token"
    title = "The token does not count"


class IdentityUnavailable(RegistryError):
    """Whoever could say who is calling does not answer, so nobody is let in on a guess."""

    code = "identity_unavailable"
    title = "Who is calling cannot be told"


class PermissionDenied(RegistryError):
    """The rules of access do not give it; nothing was looked at or changed. ``required`` in the detail says what."""

    code = "permission_denied"
    title = "You may not do this"


class AccessUnreadable(RegistryError):
    """Nobody but the operator may do anything: who may do what cannot be told, and the older rules are not guessed."""

    code = "access_unreadable"
    title = "The rules of access cannot be read"


class NotConfigured(RegistryError):
    code = "not_configured"
    title = "The registry root is missing or unusable"

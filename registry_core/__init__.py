"""The model registry's core: immutable versions, aliases with an audit trail, exact bytes.

>>> registry = ModelRegistry.open("/srv/models")                            # doctest: +SKIP
>>> registry.register("celltype", "human_pbmc", "1.0.0", "/data/run_17")    # doctest: +SKIP
>>> registry.resolve("celltype", "human_pbmc@latest").path                  # doctest: +SKIP

Needs neither Flask nor an object-store library. Everything else in this package is private.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .vocabulary.faces import face

if TYPE_CHECKING:
    from .access.principal import ANONYMOUS, OPERATOR, Kind, Principal
    from .access.roles import Action
    from .access.who import Issuers
    from .evidence.keys import Encrypted, PrivateKey, load_private
    from .evidence.log.extension import log_extension, size_of_note
    from .evidence.signing.making import REVIEW_PREDICATE, SIGNATURE_PREDICATE, artifact_manifest, sign_statement
    from .format.manifest import parse as parse_manifest
    from .format.tar import TAR_END, TarReader, TarRefused, tar_header, tar_header_size, tar_padding
    from .operations.running import Operation, RunningOperation
    from .packages.archive import TAR_FORMAT, tar, tar_size
    from .packages.snapshots import HubCommit, Snapshot
    from .packages.stored_files import PackageFiles, StoredFile
    from .registry.registry import ModelRegistry
    from .settings import CoreSettings
    from .storage.syncing import Syncs
    from .uploads.values import Checksum, UploadFile, UploadSession
    from .vocabulary.access import (
        AccessRules,
        Caller,
        Change,
        MadeToken,
        ModelOwner,
        ResolvedOwner,
        Revocation,
        TokenFacts,
        Trial,
        VerbsOfAccess,
    )
    from .vocabulary.answers import (
        Admission,
        Alias,
        Annotation,
        CatalogState,
        Description,
        Event,
        Head,
        HistoryPage,
        JournalProof,
        ModelPage,
        PackageFile,
        PackageListing,
        Problem,
        Promotion,
        Registration,
        Removal,
        Resolution,
        Restoration,
        StreamedEvent,
        TaskSummary,
        Tombstone,
        Verification,
        Warned,
    )
    from .vocabulary.attestations import (
        MAX_DOCUMENT_BYTES,
        SEVERITIES,
        Attestation,
        AttestationFacts,
        Attestations,
        EvidenceChange,
        FindingFacts,
        Findings,
        VerbsOfEvidence,
    )
    from .vocabulary.bounded import Bounded
    from .vocabulary.comparison import Comparison, FileDiff, VersionFacts
    from .vocabulary.errors import (
        AccessMoved,
        AccessUnreadable,
        AliasMoved,
        AliasNotFound,
        AnnouncementUnfinished,
        ArtifactNotFound,
        ArtifactsRefused,
        ChecksumMismatch,
        ClockBehind,
        ClockWrong,
        Conflict,
        DestinationDiffers,
        DigestMismatch,
        HoldingDamaged,
        IdempotencyKeyReused,
        IdentityUnavailable,
        IndexBuilding,
        IntegrityError,
        InvalidInput,
        InvalidMetadata,
        InvalidName,
        InvalidParameter,
        InvalidRef,
        InvalidToken,
        JournalCorrupt,
        LockTimeout,
        ModelNotFound,
        NameTaken,
        NotConfigured,
        NotFound,
        OperationNotFound,
        PackageCorrupt,
        PackRefused,
        PermissionDenied,
        RegistryError,
        RunNotFound,
        StorageError,
        StorageFull,
        StorageUnavailable,
        TokenNotFound,
        Unauthenticated,
        UploadExpired,
        UploadLocked,
        UploadNotFound,
        UploadOffsetMismatch,
        UploadTooLarge,
        VersionExists,
        VersionInUse,
        VersionNotFound,
    )
    from .vocabulary.evidence import SignatureJudged, Signer
    from .vocabulary.evidence_errors import (
        AttestationNotFound,
        AttestationRefused,
        FindingNotFound,
        GateNotMet,
        LogBehind,
        LogCorrupt,
        LogNotSet,
        NotInLog,
        PolicyInvalid,
        PolicyMoved,
        PolicyNotFound,
        PolicyUnreadable,
        SignatureRefused,
        TrustInvalid,
        TrustMoved,
    )
    from .vocabulary.facts import LOADS, FactsOfVersion, FileFacts, VerbsOfFacts
    from .vocabulary.filters import MAX_LIMIT, Filters, SummaryFilters
    from .vocabulary.finite import finite
    from .vocabulary.gates import Check, GateAnswer, GateAudit, GateFault, GateInForce, VerbsOfGates
    from .vocabulary.happened import ActivityPage, VerbsOfEvents
    from .vocabulary.log import (
        MOST_NOTE_BYTES,
        ConsistencyProof,
        Exported,
        InclusionProof,
        JournalLines,
        LogChange,
        LogProof,
        Published,
        VerbsOfLog,
    )
    from .vocabulary.looking import (
        DeletedVersion,
        Lineage,
        OperationFacts,
        Relative,
        Span,
        SpanPage,
        UploadFacts,
        VerbsOfLooking,
    )
    from .vocabulary.parameters import Parameter, answer_of, parameters_of, taking
    from .vocabulary.progress import Meter, Progress, ProgressCallback
    from .vocabulary.reports import (
        AdoptionReport,
        CheckReport,
        Finding,
        MigrationReport,
        PurgeReport,
        Repair,
        SweepReport,
    )
    from .vocabulary.rules import (
        PolicyFacts,
        PolicyRules,
        PolicyTrial,
        RuleChange,
        TriedVersion,
        TrustRules,
        VerbsOfRules,
    )
    from .vocabulary.runs import RUN_STATUSES, Logged, Metrics, RunDetail, RunEnd, RunFacts, RunPage
    from .vocabulary.stages import STAGES
    from .vocabulary.streamed import Streamed
    from .vocabulary.summaries import Facets, ModelSummary, NewestVersion, SummaryPage, VersionRow
    from .vocabulary.texts import MAX_NAME_LENGTH, NAME_PATTERN, is_unicode, parse_time
    from .vocabulary.unset import UNSET, Unset
    from .vocabulary.verbs import Verbs
    from .vocabulary.version_evidence import EvidenceDocument, EvidenceSignature, VersionEvidence

__version__ = "1.0.0"

__all__ = [
    "ANONYMOUS",
    "LOADS",
    "MAX_DOCUMENT_BYTES",
    "MAX_LIMIT",
    "MAX_NAME_LENGTH",
    "MOST_NOTE_BYTES",
    "NAME_PATTERN",
    "OPERATOR",
    "REVIEW_PREDICATE",
    "RUN_STATUSES",
    "SEVERITIES",
    "SIGNATURE_PREDICATE",
    "STAGES",
    "TAR_END",
    "TAR_FORMAT",
    "UNSET",
    "AccessMoved",
    "AccessRules",
    "AccessUnreadable",
    "Action",
    "ActivityPage",
    "Admission",
    "AdoptionReport",
    "Alias",
    "AliasMoved",
    "AliasNotFound",
    "Annotation",
    "AnnouncementUnfinished",
    "ArtifactNotFound",
    "ArtifactsRefused",
    "Attestation",
    "AttestationFacts",
    "AttestationNotFound",
    "AttestationRefused",
    "Attestations",
    "Bounded",
    "Caller",
    "CatalogState",
    "Change",
    "Check",
    "CheckReport",
    "Checksum",
    "ChecksumMismatch",
    "ClockBehind",
    "ClockWrong",
    "Comparison",
    "Conflict",
    "ConsistencyProof",
    "CoreSettings",
    "DeletedVersion",
    "Description",
    "DestinationDiffers",
    "DigestMismatch",
    "Encrypted",
    "Event",
    "EvidenceChange",
    "EvidenceDocument",
    "EvidenceSignature",
    "Exported",
    "Facets",
    "FactsOfVersion",
    "FileDiff",
    "FileFacts",
    "Filters",
    "Finding",
    "FindingFacts",
    "FindingNotFound",
    "Findings",
    "GateAnswer",
    "GateAudit",
    "GateFault",
    "GateInForce",
    "GateNotMet",
    "Head",
    "HistoryPage",
    "HoldingDamaged",
    "HubCommit",
    "IdempotencyKeyReused",
    "IdentityUnavailable",
    "InclusionProof",
    "IndexBuilding",
    "IntegrityError",
    "InvalidInput",
    "InvalidMetadata",
    "InvalidName",
    "InvalidParameter",
    "InvalidRef",
    "InvalidToken",
    "Issuers",
    "JournalCorrupt",
    "JournalLines",
    "JournalProof",
    "Kind",
    "Lineage",
    "LockTimeout",
    "LogBehind",
    "LogChange",
    "LogCorrupt",
    "LogNotSet",
    "LogProof",
    "Logged",
    "MadeToken",
    "Meter",
    "Metrics",
    "MigrationReport",
    "ModelNotFound",
    "ModelOwner",
    "ModelPage",
    "ModelRegistry",
    "ModelSummary",
    "NameTaken",
    "NewestVersion",
    "NotConfigured",
    "NotFound",
    "NotInLog",
    "Operation",
    "OperationFacts",
    "OperationNotFound",
    "PackRefused",
    "PackageCorrupt",
    "PackageFile",
    "PackageFiles",
    "PackageListing",
    "Parameter",
    "PermissionDenied",
    "PolicyFacts",
    "PolicyInvalid",
    "PolicyMoved",
    "PolicyNotFound",
    "PolicyRules",
    "PolicyTrial",
    "PolicyUnreadable",
    "Principal",
    "PrivateKey",
    "Problem",
    "Progress",
    "ProgressCallback",
    "Promotion",
    "Published",
    "PurgeReport",
    "Registration",
    "RegistryError",
    "Relative",
    "Removal",
    "Repair",
    "Resolution",
    "ResolvedOwner",
    "Restoration",
    "Revocation",
    "RuleChange",
    "RunDetail",
    "RunEnd",
    "RunFacts",
    "RunNotFound",
    "RunPage",
    "RunningOperation",
    "SignatureJudged",
    "SignatureRefused",
    "Signer",
    "Snapshot",
    "Span",
    "SpanPage",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "StoredFile",
    "Streamed",
    "StreamedEvent",
    "SummaryFilters",
    "SummaryPage",
    "SweepReport",
    "Syncs",
    "TarReader",
    "TarRefused",
    "TaskSummary",
    "TokenFacts",
    "TokenNotFound",
    "Tombstone",
    "Trial",
    "TriedVersion",
    "TrustInvalid",
    "TrustMoved",
    "TrustRules",
    "Unauthenticated",
    "Unset",
    "UploadExpired",
    "UploadFacts",
    "UploadFile",
    "UploadLocked",
    "UploadNotFound",
    "UploadOffsetMismatch",
    "UploadSession",
    "UploadTooLarge",
    "Verbs",
    "VerbsOfAccess",
    "VerbsOfEvents",
    "VerbsOfEvidence",
    "VerbsOfFacts",
    "VerbsOfGates",
    "VerbsOfLog",
    "VerbsOfLooking",
    "VerbsOfRules",
    "Verification",
    "VersionEvidence",
    "VersionExists",
    "VersionFacts",
    "VersionInUse",
    "VersionNotFound",
    "VersionRow",
    "Warned",
    "__version__",
    "answer_of",
    "artifact_manifest",
    "finite",
    "is_unicode",
    "load_private",
    "log_extension",
    "parameters_of",
    "parse_manifest",
    "parse_time",
    "sign_statement",
    "size_of_note",
    "taking",
    "tar",
    "tar_header",
    "tar_header_size",
    "tar_padding",
    "tar_size",
]

# Where each name lies.
_PLACES = {
    name: f"{place}:{name}"
    for place, names in {
        "access.principal": "ANONYMOUS OPERATOR Kind Principal",
        "access.roles": "Action",
        "access.who": "Issuers",
        "evidence.keys": "Encrypted PrivateKey load_private",
        "evidence.signing.making": "REVIEW_PREDICATE SIGNATURE_PREDICATE artifact_manifest sign_statement",
        "operations.running": "Operation RunningOperation",
        "format.tar": "TAR_END TarReader TarRefused tar_header tar_header_size tar_padding",
        "packages.archive": "TAR_FORMAT tar tar_size",
        "packages.snapshots": "HubCommit Snapshot",
        "packages.stored_files": "PackageFiles StoredFile",
        "evidence.log.extension": "log_extension size_of_note",
        "registry.registry": "ModelRegistry",
        "settings": "CoreSettings",
        "storage.syncing": "Syncs",
        "uploads.values": "Checksum UploadFile UploadSession",
        "vocabulary.access": (
            "AccessRules Caller Change MadeToken ModelOwner ResolvedOwner Revocation TokenFacts Trial VerbsOfAccess"
        ),
        "vocabulary.answers": (
            "Admission Alias Annotation CatalogState Description Event Head HistoryPage JournalProof "
            "ModelPage PackageFile PackageListing Problem Promotion Registration Removal Resolution Restoration "
            "StreamedEvent TaskSummary Tombstone Verification Warned"
        ),
        "vocabulary.bounded": "Bounded",
        "vocabulary.attestations": (
            "Attestation AttestationFacts Attestations EvidenceChange FindingFacts Findings MAX_DOCUMENT_BYTES "
            "SEVERITIES VerbsOfEvidence"
        ),
        "vocabulary.comparison": "Comparison FileDiff VersionFacts",
        "vocabulary.errors": (
            "AccessMoved AccessUnreadable AliasMoved AliasNotFound AnnouncementUnfinished ArtifactNotFound "
            "ArtifactsRefused ChecksumMismatch ClockBehind ClockWrong Conflict DestinationDiffers DigestMismatch "
            "HoldingDamaged IdempotencyKeyReused IdentityUnavailable IndexBuilding IntegrityError InvalidInput "
            "InvalidMetadata InvalidName InvalidParameter InvalidRef InvalidToken JournalCorrupt LockTimeout "
            "ModelNotFound NameTaken NotConfigured NotFound OperationNotFound PackRefused PackageCorrupt "
            "PermissionDenied RegistryError RunNotFound StorageError StorageFull StorageUnavailable TokenNotFound "
            "Unauthenticated UploadExpired UploadLocked UploadNotFound UploadOffsetMismatch UploadTooLarge "
            "VersionExists VersionInUse VersionNotFound"
        ),
        "vocabulary.evidence": "SignatureJudged Signer",
        "vocabulary.evidence_errors": (
            "AttestationNotFound AttestationRefused FindingNotFound GateNotMet LogBehind LogCorrupt LogNotSet "
            "NotInLog PolicyInvalid PolicyMoved PolicyNotFound PolicyUnreadable SignatureRefused TrustInvalid "
            "TrustMoved"
        ),
        "vocabulary.facts": "LOADS FactsOfVersion FileFacts VerbsOfFacts",
        "vocabulary.filters": "MAX_LIMIT Filters SummaryFilters",
        "vocabulary.finite": "finite",
        "vocabulary.gates": "Check GateAnswer GateAudit GateFault GateInForce VerbsOfGates",
        "vocabulary.happened": "ActivityPage VerbsOfEvents",
        "vocabulary.log": (
            "ConsistencyProof Exported InclusionProof JournalLines LogChange LogProof MOST_NOTE_BYTES Published "
            "VerbsOfLog"
        ),
        "vocabulary.looking": "DeletedVersion Lineage OperationFacts Relative Span SpanPage UploadFacts VerbsOfLooking",
        "vocabulary.parameters": "Parameter answer_of parameters_of taking",
        "vocabulary.progress": "Meter Progress ProgressCallback",
        "vocabulary.reports": "AdoptionReport CheckReport Finding MigrationReport PurgeReport Repair SweepReport",
        "vocabulary.rules": "PolicyFacts PolicyRules PolicyTrial RuleChange TriedVersion TrustRules VerbsOfRules",
        "vocabulary.runs": "RUN_STATUSES Logged Metrics RunDetail RunEnd RunFacts RunPage",
        "vocabulary.stages": "STAGES",
        "vocabulary.streamed": "Streamed",
        "vocabulary.summaries": "Facets ModelSummary NewestVersion SummaryPage VersionRow",
        "vocabulary.texts": "MAX_NAME_LENGTH NAME_PATTERN is_unicode parse_time",
        "vocabulary.unset": "UNSET Unset",
        "vocabulary.verbs": "Verbs",
        "vocabulary.version_evidence": "EvidenceDocument EvidenceSignature VersionEvidence",
    }.items()
    for name in names.split()
}

if not TYPE_CHECKING:  # a type checker would take any name for one that is here
    __getattr__, __dir__ = face(globals(), {**_PLACES, "parse_manifest": "format.manifest:parse"})

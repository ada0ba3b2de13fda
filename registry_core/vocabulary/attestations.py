"""What was attested and found of a version: what the verbs take and tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from .answers import Value
from .rules import DocumentDigest
from .verbs import Actor, ModelName, Reason, Ref, Task, Version

BLOCKING = "blocking"
SEVERITIES = (BLOCKING, "major", "minor", "note")
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024

Severity = Annotated[str, "blocking, major, minor or note."]
Why = Annotated[str | None, "Why; it is required."]
FindingId = Annotated[int, "The event that opened it."]


@dataclass(frozen=True)
class AttestationFacts(Value):
    """A signed document that counted when it was attached."""

    seq: Annotated[int, "The event that attached it."]
    digest: Annotated[str, "Of its bytes; with the version's names, its address."]
    type: Annotated[str, "The predicateType of its statement; ssh of a signature of OpenSSH."]
    form: Annotated[str, "dsse, sigstore or ssh."]
    identity: Annotated[str, "Of what is said, however it is wrapped."]
    size_bytes: int
    signers: Annotated[list[dict[str, str]], "Whose signatures came to count: person, and key as the SHA-256 of it."]
    covers: Annotated[str | None, "Of a signature of the package: artifacts or package."]
    from_package: Annotated[str | None, "The file of the package that it was."]
    at: Annotated[str, "When it was attached."]
    actor: Annotated[str | None, "Who sent it."]
    dismissed_by: Annotated[int | None, "The event by which an admin dismissed it."] = None
    ignored: list[str] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Attestation(AttestationFacts):
    """As it was attached, now or by an earlier event that says all of it already."""

    task: str = ""
    model_name: str = ""
    version: str = ""
    is_new: Annotated[bool, "Whether it took an event of its own."] = True


@dataclass(frozen=True)
class Attestations(Value):
    """All that was attached to a version, the oldest first, and the signatures that were found in it at register."""

    task: str
    model_name: str
    version: str
    package_digest: str | None
    attestations: list[AttestationFacts]
    signatures: Annotated[list[dict[str, Any]], "As the register event has them."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FindingFacts(Value):
    """Something that was found wrong with a version."""

    id: FindingId
    severity: Severity
    title: str
    url: str | None
    at: str | None
    actor: str | None
    is_open: bool
    ended_by: Annotated[int | None, "The event that resolved or dismissed it."] = None
    is_dismissed: bool = False


@dataclass(frozen=True)
class Findings(Value):
    """What was found of a version, the oldest first; the ended ones too."""

    task: str
    model_name: str
    version: str
    findings: list[FindingFacts]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class EvidenceChange(Value):
    """One event about a finding or an attestation. ``id``: of which."""

    task: str
    model_name: str
    version: str
    id: int
    seq: Annotated[int, "The event."]


class VerbsOfEvidence(Protocol):
    """What ``ModelRegistry`` and ``RegistryClient`` have in common about attestations and findings."""

    def attest(
        self,
        task: Task,
        ref: Ref,
        document: Annotated[bytes, "The document's own bytes; none where it is a file of the package."] = b"",
        *,
        from_package: Annotated[str | None, "The file of the package that is to be attached."] = None,
        actor: Actor = None,
        reason: Reason = None,
    ) -> Attestation:
        """The signed document counts for the version from now on, by one event, if a key signed it that counts now.

        The same payload, signed by nobody else, makes no event. Raises ``AttestationRefused`` saying why it does not
        count, ``NotFound``, ``InvalidParameter``, ``PolicyUnreadable``, ``StorageError``.
        """
        ...

    def dismiss_attestation(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        id: Annotated[int, "The event that attached the reject."],
        *,
        actor: Actor = None,
        reason: Why = None,
    ) -> EvidenceChange:
        """The reject blocks no longer, and is shown with who dismissed it and why; for an admin of the model.

        Raises ``AttestationNotFound``, ``InvalidParameter`` without a reason, ``StorageError``.
        """
        ...

    def attestations(self, task: Task, ref: Ref) -> Attestations:
        """What was attached to the version. Raises ``NotFound``, ``StorageError``."""
        ...

    def attestation(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        digest: DocumentDigest,
    ) -> bytes:
        """The document's own bytes, as they were sent, proven. Raises ``AttestationNotFound``, ``PackageCorrupt``."""
        ...

    def findings(self, task: Task, ref: Ref) -> Findings:
        """What was found of the version. Raises ``NotFound``, ``StorageError``."""
        ...

    def open_finding(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        severity: Severity,
        title: Annotated[str, "What is wrong, in a line."],
        *,
        url: Annotated[str | None, "Where more is said of it."] = None,
        actor: Actor = None,
        reason: Reason = None,
    ) -> EvidenceChange:
        """The finding is open, by one event, whose seq is its id.

        Raises ``VersionNotFound``, ``InvalidParameter``, ``StorageError``.
        """
        ...

    def resolve_finding(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        id: FindingId,
        *,
        actor: Actor = None,
        reason: Why = None,
    ) -> EvidenceChange:
        """The finding is not open any more: what was found is mended, or is not so.

        A blocking one is resolved by whoever may promote what it keeps back, and never by whoever registered or signed
        the version. Raises ``FindingNotFound``, ``PermissionDenied``, ``InvalidParameter``, ``StorageError``.
        """
        ...

    def dismiss_finding(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        id: FindingId,
        *,
        actor: Actor = None,
        reason: Why = None,
    ) -> EvidenceChange:
        """The finding counts no longer, whatever it says; for an admin of the model.

        Raises ``FindingNotFound``, ``InvalidParameter`` without a reason, ``StorageError``.
        """
        ...

"""All that was said of a version, as whoever looks at it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from .answers import Value


@dataclass(frozen=True)
class EvidenceSigner(Value):
    """Whose signature counted when it came."""

    person: str
    key: Annotated[str, "The SHA-256 of the key, in hex."]
    counts: Annotated[bool | None, "Whether the key counts now, under the same person; null where that cannot be told."]


@dataclass(frozen=True)
class EvidenceSignature(Value):
    """A signature of the package. One that was found in it at register may be worth nothing: ``why`` says why."""

    path: Annotated[str | None, "The file of the package that holds it; null: it was sent."]
    form: str | None
    signers: list[EvidenceSigner]
    covers: Annotated[str | None, "artifacts or package."]
    ignored: list[str]
    uncovered: list[str]
    verified: bool
    why: str | None
    seq: Annotated[int | None, "The event that told of it."]
    at: str | None
    digest: Annotated[str | None, "Of its document; null where it lies in the package alone."] = None


@dataclass(frozen=True)
class EvidenceDocument(Value):
    """A signed document that counted when it was attached: a review, a measurement, or anything else."""

    seq: int
    at: str | None
    type: str
    digest: str
    signers: list[EvidenceSigner]
    actor: str | None
    dismissed_by: int | None = None
    is_damaged: Annotated[bool, "A review or a measurement that nobody can read any more."] = False
    decision: Annotated[str | None, "Of a review: approve, reject or withdraw."] = None
    comment: str | None = None
    dataset: Annotated[str | None, "Of a measurement: what was measured on."] = None
    split: str | None = None
    metrics: Annotated[list[tuple[str, float, int | None]], "Of a measurement: name, value, and of how many."] = field(
        default_factory=list
    )


@dataclass(frozen=True)
class EvidenceFinding(Value):
    """Something that was found wrong with the version; ``ended_by``: the event that resolved or dismissed it."""

    id: int
    severity: str
    title: str
    url: str | None
    at: str | None
    actor: str | None
    ended_by: int | None
    is_dismissed: bool


@dataclass(frozen=True)
class VersionEvidence(Value):
    """The newest first, of findings the open ones first. ``left_out``: how many documents older than those there are.

    ``guarded``: the aliases of the model, and those that policies name, that a policy guards; None where nobody can
    tell them.
    """

    signatures: list[EvidenceSignature]
    documents: list[EvidenceDocument]
    findings: list[EvidenceFinding]
    left_out: int
    load: Annotated[str | None, "none, data_only, unreadable or code; null: its files were not read yet."]
    formats: dict[str, int]
    facts_seq: int | None
    guarded: list[str] | None

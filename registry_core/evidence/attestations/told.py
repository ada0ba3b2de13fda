"""Evidence as whoever asks for it is told."""

from __future__ import annotations

from typing import Any

from ...models.model import ModelStore
from ...vocabulary.attestations import Attestation, AttestationFacts, Attestations, FindingFacts
from ...vocabulary.evidence_errors import AttestationNotFound
from ...vocabulary.texts import DIGEST_PREFIX, format_time, printable
from . import of_version
from .of_version import Attested, EvidenceOfVersion, Finding


def _facts(one: Attested, dismissed_by: int | None, *, names_nobody: bool) -> dict[str, Any]:
    signers = [] if names_nobody else [{"person": signer.person, "key": signer.key} for signer in one.signers]
    return {
        "seq": one.seq,
        "digest": one.digest,
        "type": one.type,
        "form": one.form,
        "identity": one.identity,
        "size_bytes": one.size_bytes,
        "signers": signers,
        "covers": one.covers,
        "from_package": one.from_package,
        "at": format_time(one.at),
        "actor": None if names_nobody else one.by.get("actor"),
        "dismissed_by": dismissed_by,
        "ignored": list(one.ignored),
        "uncovered": list(one.uncovered),
    }


def attestation(model: ModelStore, version: str, one: Attested, *, is_new: bool) -> Attestation:
    """What was attached just now, or by an earlier event, which may have been dismissed since."""
    dismissed_by = None if is_new else of_version.read(model, version).dismissed.get(one.seq)
    facts = _facts(one, dismissed_by, names_nobody=model.names_nobody)
    return Attestation(**{**facts, **model.keys.names}, version=version, is_new=is_new)


def attestations(model: ModelStore, evidence: EvidenceOfVersion) -> Attestations:
    """All that was attached to the version, and what was found in it at register."""
    found = [
        AttestationFacts(**_facts(one, evidence.dismissed.get(one.seq), names_nobody=model.names_nobody))
        for one in evidence.attestations
    ]
    signatures = [dict(one) for one in evidence.signatures]
    if model.names_nobody:
        signatures = [{**one, "signers": []} for one in signatures]
    warnings = model.told.warnings(asks=True)
    digest = evidence.package_digest
    named = (model.keys.task, model.keys.model_name, evidence.version)
    return Attestations(*named, digest, found, signatures, warnings)


def finding(one: Finding) -> FindingFacts:
    return FindingFacts(
        one.seq, one.severity, one.title, one.url, one.at, one.actor, one.is_open, one.ended, one.dismissed
    )


def document(model: ModelStore, version: str, named: str) -> bytes:
    """The bytes of a document that some event of the version names, however its digest is written.

    Raises ``AttestationNotFound``, ``PackageCorrupt``, ``StorageError``.
    """
    digest = f"{DIGEST_PREFIX}{named.removeprefix(DIGEST_PREFIX).lower()}"
    if all(one.digest != digest for one in of_version.read(model, version).attestations):
        raise AttestationNotFound(
            f"Nothing of the digest {printable(named)!r} was attached to {model.title}@{printable(version)}.",
            digest=printable(named),
            version=printable(version),
        )
    return of_version.document(model, version, digest)

"""A version of a model, whose keys count, and what they say of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from registry_core.evidence import attesting, of_version
from registry_core.evidence.attestations.attesting import Request
from registry_core.evidence.attestations.of_version import Attested, EvidenceOfVersion
from registry_core.evidence.keys import PrivateKey
from registry_core.evidence.signing.statement import EVALUATION, REVIEW, SIGNATURE
from registry_core.vocabulary.texts import format_time

from ..conftest import MODEL, TASK, Shelf
from .signers import Known, SomeTrust, enveloped, private, statement

ADA, GRACE, MALLORY = private(number=1), private(number=2), private(number=3)
SLSA = "https://slsa.dev/provenance/v1"
BEGINNING = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


@dataclass(frozen=True)
class Team(SomeTrust):
    """A trust document of some people; ``revoked`` keys helped once."""

    revoked: frozenset[str] = frozenset()

    def then(self, sha256: str, at: datetime) -> Known | str:
        return "key_not_valid_then" if sha256 in self.revoked else super().then(sha256, at)

    def counts_now(self, sha256: str, person: str) -> bool:
        known = self.keys.get(sha256)
        return known is not None and known.person == person and sha256 not in self.revoked


def team(*people: tuple[str, PrivateKey], revoked: tuple[PrivateKey, ...] = ()) -> Team:
    known = {one.public.sha256: Known(person, one.public) for person, one in people}
    return Team(known, frozenset(one.public.sha256 for one in revoked))


@dataclass
class Desk:
    """Where documents about version 1 are sent to."""

    shelf: Shelf
    trust: Team = field(default_factory=lambda: team(("ada", ADA), ("grace", GRACE)))
    version: str = "1"
    asked: int = 0

    @property
    def digest(self) -> str:
        return str(self.shelf.model().recorded_digest(self.version))

    def payload(self, kind: str, predicate: Mapping[str, Any], **other: Any) -> bytes:
        about = {"name": f"{TASK}/{MODEL}@{self.version}", "sha256": self.digest.removeprefix("sha256:")}
        return statement(predicate, predicate_type=kind, **{**about, **other})

    def review(self, decision: str = "approve", minute: int = 0, *by: PrivateKey, **other: Any) -> bytes:
        said = {"reviewed_at": moment(minute), "decision": decision}
        return enveloped(self.payload(REVIEW, said, **other), *(by or (ADA,)))

    def evaluation(self, value: float = 0.9, minute: int = 0, *by: PrivateKey, **dataset: str) -> bytes:
        metrics = [{"name": "accuracy", "value": value}]
        said = {"evaluated_at": moment(minute), "dataset": {"name": "pbmc", **dataset}, "metrics": metrics}
        return enveloped(self.payload(EVALUATION, said), *(by or (ADA,)))

    def signature(self, *by: PrivateKey) -> bytes:
        return enveloped(self.payload(SIGNATURE, {}), *(by or (ADA,)))

    def provenance(self, n: int, *by: PrivateKey) -> bytes:
        return enveloped(self.payload(SLSA, {"n": n}, name="anything"), *(by or (ADA,)))

    def whom(self) -> Team:
        self.asked += 1
        return self.trust

    def attach(self, data: bytes, **words: Any) -> tuple[Attested, bool]:
        request = Request(self.version, data, "the-sender", None, **words)
        return attesting.attach(self.shelf.model(), request, self.whom)

    def evidence(self) -> EvidenceOfVersion:
        return of_version.read(self.shelf.model(), self.version)

    def kept(self) -> list[str]:
        """The names of the documents that lie there."""
        keys = self.shelf.model().keys
        return [one.name for one in self.shelf.storage.documents.list(f"{keys.attestations}/{self.version}")]


def moment(minute: int) -> str:
    return format_time(BEGINNING + timedelta(minutes=minute))


def minute_now() -> int:
    """The minute that begins next: a run may take long."""
    return int((datetime.now(UTC) - BEGINNING) / timedelta(minutes=1)) + 1


def rewrapped(envelope: bytes) -> bytes:
    """The same payload and signatures in other bytes."""
    value = json.loads(envelope)
    return json.dumps({**dict(reversed(value.items())), "note": "not signed"}).encode()

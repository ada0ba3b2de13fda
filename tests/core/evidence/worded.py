"""Versions about which people have said something, as values: for whatever is decided by pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from registry_core.evidence.attestations.of_version import Attested, EvidenceOfVersion, Finding
from registry_core.evidence.gates.seen import Seen
from registry_core.evidence.rules.policy_document import Approvals, Part, Requirement, What
from registry_core.evidence.rules.trust_document import Person, TrustDocument, TrustedKey
from registry_core.evidence.signing.statement import EVALUATION, REVIEW, SIGNATURE, V1, Statement
from registry_core.vocabulary.evidence import Signer

GROUPS = {
    "ada": {"reviewers"},
    "bob": {"reviewers"},
    "cyd": {"reviewers"},
    "ci": {"evaluators"},
    "ci-2": {"evaluators"},
    "trainer": set[str](),
}
DATASET, OTHER_DATASET = f"sha256:{'e7' * 32}", f"sha256:{'0d' * 32}"


def key_of(person: str) -> str:
    return f"{person}'s key"


def trusting(*, but: Iterable[str] = (), without: Iterable[str] = ()) -> TrustDocument:
    """Everybody has one key, and the name as actor and principal; ``but``: those whose key is revoked since."""
    names = [name for name in GROUPS if name not in set(without)]
    people = {name: Person(name, frozenset(GROUPS[name])) for name in names}
    keys = {key_of(name): TrustedKey(name, name, None) for name in names}  # type: ignore[arg-type]
    of = {**{("actors", name): name for name in names}, **{("principals", f"iss|{name}"): name for name in names}}
    return TrustDocument(people, keys, {key_of(name): None for name in but}, of)  # type: ignore[dict-item]


class Story:
    """What was said of one version, event by event."""

    def __init__(self) -> None:
        self.seq = 1
        self.evidence = EvidenceOfVersion("1", 1, f"sha256:{'a' * 64}", born={"actor": "trainer"})
        self.statements: dict[int, Statement | None] = {}

    def says(self, *people: str, type_: str, covers: str | None = None, **predicate: Any) -> int:
        """An attestation of these people."""
        self.seq += 1
        signers = tuple(Signer(person, key_of(person)) for person in people)
        at = datetime(2026, 11, 1, tzinfo=UTC)
        one = Attested(self.seq, at, f"sha256:{self.seq:064x}", "dsse", type_, f"id {self.seq}", signers, covers)
        self.evidence = replace(self.evidence, attestations=(*self.evidence.attestations, one))
        self.statements[self.seq] = Statement(V1, (), type_, predicate)
        return self.seq

    def reviews(self, person: str, decision: str) -> int:
        return self.says(person, type_=REVIEW, decision=decision, reviewed_at=self._moment())

    def measures(
        self, person: str, value: Any, n: int | None = 100, name: str = "accuracy", dataset: str = DATASET, **more: Any
    ) -> int:
        metric = {"name": name, "value": value, **({} if n is None else {"n": n})}
        said = {"dataset": {"digest": dataset, "split": "test"}, "evaluated_at": self._moment(), "metrics": [metric]}
        return self.says(person, type_=EVALUATION, **{**said, **more})

    def signs(self, person: str, covers: str = "package") -> int:
        return self.says(person, type_=SIGNATURE, covers=covers)

    def finds(self, severity: str) -> int:
        self.seq += 1
        found = Finding(self.seq, severity, "it is wrong", None, None, None)
        self.evidence = replace(self.evidence, findings=(*self.evidence.findings, found))
        return self.seq

    def damage(self, seq: int) -> None:
        self.statements[seq] = None

    def set(self, **fields: Any) -> None:
        self.evidence = replace(self.evidence, **fields)

    def seen(self, trust: TrustDocument | None = None, promoter: Mapping[str, Any] | None = None, **more: Any) -> Seen:
        return Seen(
            self.evidence,
            trust if trust is not None else trusting(),
            self.statements,
            {seq: statement is not None for seq, statement in self.statements.items()},
            registrant=self.evidence.born,
            promoter={"actor": "cyd"} if promoter is None else promoter,
            **more,
        )

    def _moment(self) -> str:
        return f"2026-11-01T00:00:{self.seq % 60:02d}Z"


def requirement(kind: str, what: What) -> Requirement:
    return Requirement("asked", kind, what)


def approvals(at_least: int = 2, *excluded: Part) -> Requirement:
    return requirement("approvals", Approvals(at_least, ("reviewers",), excluded))

"""Everything that was said of a version in one look, for a page: what it is worth to a gate says ``judging``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...models.model import ModelStore
from ...vocabulary.errors import NotConfigured
from ...vocabulary.evidence import Signer
from ...vocabulary.evidence_errors import PolicyUnreadable
from ...vocabulary.texts import format_time, list_or_empty, text_or_none
from ...vocabulary.version_evidence import (
    EvidenceDocument,
    EvidenceFinding,
    EvidenceSignature,
    EvidenceSigner,
    VersionEvidence,
)
from ..rules.rulebook import Rulebook
from ..rules.trust_document import TrustDocument
from ..signing.not_counted import NotCounted
from ..signing.statement import EVALUATION, REVIEW
from . import of_version
from .of_version import Attested, EvidenceOfVersion, Finding, signers_of
from .predicates import Evaluation, Review, said_in
from .statements_of import counted, counted_at_register, is_signature


def tell(model: ModelStore, version: str, rules: Rulebook | None, aliases: Iterable[str], most: int) -> VersionEvidence:
    """What was said, the newest ``most`` documents of it, and which ``aliases`` are guarded.

    ``rules`` is None where nobody can tell them. Reviews and measurements are read and hashed. Raises ``StorageError``.
    """
    evidence, trust = of_version.read(model, version), _trust(rules)
    teller = _Teller(model, evidence, trust)
    shown = sorted(evidence.attestations, key=lambda one: -one.seq)
    sent = [one for one in shown if is_signature(one)]
    others = [one for one in shown if not is_signature(one)]
    facts = evidence.facts or {}
    load, formats = facts.get("load"), facts.get("formats")
    return VersionEvidence(
        [*map(teller.sent, sent[:most]), *map(teller.found, evidence.signatures[:most])],
        [teller.document(one) for one in others[:most]],
        [teller.finding(one) for one in sorted(evidence.findings, key=lambda one: (not one.is_open, -one.seq))[:most]],
        max(0, len(others) - most) + max(0, len(sent) - most),
        load if isinstance(load, str) else None,
        {str(name): count for name, count in formats.items() if isinstance(count, int)}
        if isinstance(formats, Mapping)
        else {},
        evidence.facts_seq,
        _guarded(rules, model, aliases),
    )


def _trust(rules: Rulebook | None) -> TrustDocument | None:
    try:
        return None if rules is None else rules.trust
    except (PolicyUnreadable, NotConfigured):
        return None


def _guarded(rules: Rulebook | None, model: ModelStore, aliases: Iterable[str]) -> list[str] | None:
    task, model_name = model.keys.task, model.keys.model_name
    try:
        if rules is None:
            return None
        policies = [one.document for one in rules.concerning(task, model_name)]
    except PolicyUnreadable:
        return None
    literal = [gate.alias for policy in policies for gate in policy.gates if not set("*?[") & set(gate.alias)]
    names = dict.fromkeys([*literal, *aliases])
    return [name for name in names if any(policy.matches(model_name, name) for policy in policies)]


class _Teller:
    def __init__(self, model: ModelStore, evidence: EvidenceOfVersion, trust: TrustDocument | None) -> None:
        self._model, self._evidence, self._trust = model, evidence, trust

    def _signers(self, signers: Iterable[Signer]) -> list[EvidenceSigner]:
        if self._model.names_nobody:
            return []
        trust = self._trust
        return [
            EvidenceSigner(one.person, one.key, None if trust is None else trust.counts_now(one.key, one.person))
            for one in signers
        ]

    def found(self, said: Mapping[str, Any]) -> EvidenceSignature:
        """One that the register event tells of, in whatever form it does."""
        return EvidenceSignature(
            text_or_none(said.get("path")),
            text_or_none(said.get("format")),
            self._signers(self._counted_at_register(said)),
            text_or_none(said.get("covers")),
            _texts(said.get("ignored")),
            _texts(said.get("uncovered")),
            said.get("verified") is True,
            text_or_none(said.get("why")),
            self._evidence.register_seq,
            text_or_none(self._evidence.born.get("ts_utc")),
        )

    def sent(self, one: Attested) -> EvidenceSignature:
        return EvidenceSignature(
            one.from_package,
            one.form,
            self._signers(self._counted(one)),
            one.covers,
            list(one.ignored),
            list(one.uncovered),
            True,
            None,
            one.seq,
            format_time(one.at),
            one.digest,
        )

    def document(self, one: Attested) -> EvidenceDocument:
        names_nobody = self._model.names_nobody
        said = self._said(one) if one.type in (REVIEW, EVALUATION) else {}
        return EvidenceDocument(
            one.seq,
            format_time(one.at),
            one.type,
            one.digest,
            self._signers(self._counted(one)),
            None if names_nobody else text_or_none(one.by.get("actor")),
            self._evidence.dismissed.get(one.seq),
            **said,
        )

    def finding(self, one: Finding) -> EvidenceFinding:
        actor = None if self._model.names_nobody else one.actor
        return EvidenceFinding(one.seq, one.severity, one.title, one.url, one.at, actor, one.ended, one.dismissed)

    def _counted(self, one: Attested) -> Iterable[Signer]:
        return one.signers if self._trust is None else counted(one, self._trust)

    def _counted_at_register(self, said: Mapping[str, Any]) -> Iterable[Signer]:
        if self._trust is None:
            return signers_of(said.get("signers"))
        return counted_at_register(self._evidence, said, self._trust)

    def _said(self, one: Attested) -> dict[str, Any]:
        """What a review or a measurement says."""
        statement = of_version.statement_in(self._model, self._evidence.version, one)
        try:
            said = None if statement is None else said_in(statement)
        except NotCounted:
            said = None
        if isinstance(said, Review):
            return {"decision": str(said.decision), "comment": said.comment}
        if isinstance(said, Evaluation):
            metrics = [(metric.name, metric.value, metric.n) for metric in said.metrics]
            return {
                "dataset": said.dataset.name or said.dataset.digest,
                "split": said.dataset.split,
                "metrics": metrics,
            }
        return {"is_damaged": True}


def _texts(value: Any) -> list[str]:
    return [str(one) for one in list_or_empty(value)]

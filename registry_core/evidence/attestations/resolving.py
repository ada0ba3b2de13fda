"""Who may resolve a blocking finding: whoever may promote what it keeps back, and has no part in the version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...models import aliases
from ...models.model import ModelStore
from ..rules.policy_document import Findings, GateRule
from ..rules.rulebook import Rulebook
from ..rules.trust_document import TrustDocument
from . import statements_of
from .of_version import EvidenceOfVersion

SERVICE = "service"  # the kind of a principal that has no issuer


def guarded(model: ModelStore, rulebook: Rulebook) -> list[str | None]:
    """The aliases of the model that a gate guards which looks at findings; None alone: any protected one, there is
    none such. A pattern stands for each alias that it means now, and for itself where it means none."""
    there = aliases.names(model.storage, model.keys)
    named: set[str] = set()
    for rule in _looking_at_findings(model, rulebook):
        found = [name for name in there if rule.guards(name)]
        named.update(found or [rule.alias])
    return [*sorted(named)] or [None]


def _looking_at_findings(model: ModelStore, rulebook: Rulebook) -> Iterator[GateRule]:
    for policy in rulebook.concerning(model.keys.task, model.keys.model_name):
        gates = policy.document.gates
        yield from (gate for gate in gates if any(isinstance(one.what, Findings) for one in gate.require))


def part_in(evidence: EvidenceOfVersion, trust: TrustDocument, by: Mapping[str, Any]) -> str | None:
    """What the caller did to the version, if he registered or signed it: as his principal, or as the same person."""
    person = trust.person_of(by)
    born = _who(evidence.born)
    if born is not None and born == _who(by):
        return "registered"
    if person is None:
        return None
    if person == trust.person_of(evidence.born):
        return "registered"
    return "signed" if person in statements_of.who_signed(evidence, trust) else None


def _who(said: Mapping[str, Any]) -> tuple[str, str] | None:
    """(issuer, subject) of whoever made the event; of a service token its name, which is the actor. None: unknown."""
    principal = said.get("principal")
    if not isinstance(principal, Mapping):
        return None
    is_service = principal.get("kind") == SERVICE
    issuer, subject = ("token", said.get("actor")) if is_service else (principal.get("iss"), principal.get("sub"))
    return (issuer, subject) if isinstance(issuer, str) and isinstance(subject, str) else None

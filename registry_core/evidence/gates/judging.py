"""Whether a version meets a requirement: a pure function of the policy, and of what was seen. It knows no clock."""

from __future__ import annotations

from collections.abc import Iterable

from ...vocabulary.gates import Check
from ..rules.policy_document import (
    Approvals,
    Attestation,
    Fact,
    File,
    Findings,
    Metric,
    NotArchived,
    Requirement,
    Signature,
)
from .requirements import approved, measured, standing, vouched
from .requirements.outcome import Outcome
from .seen import Seen


def judge_all(requirements: Iterable[Requirement], seen: Seen) -> list[Check]:
    """What comes of each, in their order; what cannot be evaluated is unmet."""
    return [judge(requirement, seen) for requirement in requirements]


def judge(requirement: Requirement, seen: Seen) -> Check:
    found = _outcome(requirement, seen)
    return Check(
        requirement.id,
        requirement.kind,
        found.met,
        found.needed,
        found.found,
        list(found.evidence),
        requirement.overridable,
    )


def _outcome(requirement: Requirement, seen: Seen) -> Outcome:
    match requirement.what:
        case Metric() as what:
            return measured.judge(what, seen)
        case Approvals() as what:
            return approved.judge(what, seen)
        case Signature() as what:
            return vouched.judge_signature(what, seen)
        case Attestation() as what:
            return vouched.judge_attestation(what, seen)
        case Findings() as what:
            return standing.judge_findings(what, seen)
        case File() as what:
            return standing.judge_file(what, seen)
        case Fact() as what:
            return standing.judge_fact(what, seen)
        case NotArchived():
            return standing.judge_not_archived(seen)

"""Breaking the glass: who may have an alias name a version though its gate is not met, and how."""

from __future__ import annotations

from collections.abc import Sequence

from ...format.events import PROMOTE, ROLLBACK
from ...models.gate import Asked
from ...vocabulary.errors import RegistryError
from ...vocabulary.evidence_errors import GateNotMet
from ...vocabulary.gates import Check
from ..rules.policy_document import BreakGlass, GateRule
from ..rules.rulebook import PolicyInForce
from ..rules.trust_document import TrustDocument


def overridden(
    asked: Asked,
    gates: Sequence[tuple[PolicyInForce, GateRule, list[Check]]],
    trust: TrustDocument,
    refusal: GateNotMet,
) -> RegistryError | None:
    """None where the override is given by whoever may, and says enough; else why the gate stands."""
    for _, gate, checks in gates:
        unmet = [check for check in checks if not check.met]
        why = _lacking(asked, gate.break_glass, unmet, trust) if unmet else None
        if why is not None:
            return GateNotMet(f"{refusal.message} It was not overridden: {why}", **refusal.detail, override=why)
    return None


def _lacking(asked: Asked, glass: BreakGlass | None, unmet: Sequence[Check], trust: TrustDocument) -> str | None:
    if asked.verb not in (PROMOTE, ROLLBACK) or asked.override is None:
        return "only a promote or a rollback may be."
    if glass is None:
        return "the policy lets nobody."
    fixed = [check.id for check in unmet if not check.overridable]
    if fixed:
        return f"{', '.join(fixed)} cannot be done without."
    person = trust.person_of(asked.by)
    if person is None or not trust.is_one_of(person, glass.by):
        return f"{person or 'who asks'} is none of {', '.join(glass.by)}."
    if len(asked.override.reason.strip()) < glass.reason_min_characters:
        return f"its reason has less than {glass.reason_min_characters} characters."
    return None

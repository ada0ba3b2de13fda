"""The gate: what the policies ask for before an alias names a version, as the registry's own journal has them now.

Nothing is remembered of what holds: policies and trust are read from the end of that journal each time, with the
model held. The verdict, and all that it depends on, stands in the event, so that anybody can come to it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...models.gate import Asked, Override, Verdict
from ...models.model import ModelStore
from ...models.registry_journal import RegistryJournal
from ...models.timeline import Moment
from ...vocabulary.errors import InvalidName, RegistryError
from ...vocabulary.evidence_errors import GateNotMet, PolicyUnreadable, SignatureRefused
from ...vocabulary.gates import Check
from ...vocabulary.texts import printable
from ..rules import rulebook
from ..rules.policy_document import Approvals, Attestation, Findings, GateRule, Metric, NotArchived, Requirement
from ..rules.rulebook import PolicyInForce, Rulebook
from .judging import judge_all
from .looking import look, look_at_arriving
from .overriding import overridden
from .seen import Seen


@dataclass(frozen=True)
class Judged:
    """What comes of all gates before an alias, each with its checks, and what was seen."""

    gates: Sequence[tuple[PolicyInForce, GateRule, list[Check]]]
    seen: Seen

    @property
    def checks(self) -> list[Check]:
        return [check for _, _, checks in self.gates for check in checks]

    @property
    def unmet(self) -> list[Check]:
        return [check for check in self.checks if not check.met]

    @property
    def is_met(self) -> bool:
        return not self.unmet


class PolicyGate:
    """Asks the policies of the registry whose journal it is."""

    def __init__(self, journal: RegistryJournal) -> None:
        self._journal = journal

    def rules(self, until: int | datetime | None = None) -> Rulebook:
        """Policies and trust as they are, or were after that event or at that moment. Raises ``PolicyUnreadable``."""
        return rulebook.read(self._journal, until)

    def judge(self, model: ModelStore, asked: Asked) -> Verdict:
        try:
            return judge(model, asked, self.rules())
        except PolicyUnreadable as error:
            return Verdict(error)

    def guards(self, model: ModelStore) -> bool:
        names = model.keys.task, model.keys.model_name
        return any(one.document.gates for one in self.rules().concerning(*names))


def judge(model: ModelStore, asked: Asked, rules: Rulebook) -> Verdict:
    """The verdict by these policies and this trust."""
    names = model.keys.task, model.keys.model_name
    if asked.is_new and is_reserved(rules, *names, asked.version):
        return Verdict(_name_is_gated(asked.version))
    register = rules.for_register(*names) if asked.is_new else []
    gates = rules.gates(*names, asked.alias) if asked.alias is not None else []
    if not register and not gates:
        return Verdict()
    if register:
        refusal = _refused(model, asked, [one for _, requirements in register for one in requirements], rules)
        if refusal is not None:
            return Verdict(refusal, is_gated=bool(gates))
    if not gates:
        return Verdict()
    found = judge_gates(model, asked, gates, rules)
    says = recorded(found, rules)
    if found.is_met:
        return Verdict(None, {"gate": says}, is_gated=True)
    refusal = not_met(model, asked, found.unmet)
    if asked.override is None:
        return Verdict(refusal, is_gated=True)
    refusal = overridden(asked, found.gates, rules.trust, refusal)
    if refusal is not None:
        return Verdict(refusal, is_gated=True)
    return Verdict(None, {"gate": {**says, "override": _override(asked.override, found.unmet)}}, is_gated=True)


def judge_gates(
    model: ModelStore,
    asked: Asked,
    gates: Sequence[tuple[PolicyInForce, GateRule]],
    rules: Rulebook,
    before: int | None = None,
    then: Moment | None = None,
) -> Judged:
    """Every gate against the version, as the model's journal has it before that event, or now; ``then``: as it was."""
    requirements = [one for _, gate in gates for one in gate.require]
    seen = see(model, asked, requirements, rules, before, then)
    known = [(policy, gate, _knowable(gate.require, asked)) for policy, gate in gates]
    return Judged([(policy, gate, judge_all(asks, seen)) for policy, gate, asks in known], seen)


def see(
    model: ModelStore,
    asked: Asked,
    requirements: Sequence[Requirement],
    rules: Rulebook,
    before: int | None = None,
    then: Moment | None = None,
) -> Seen:
    """What the requirements ask for."""
    if not asked.is_new:
        return look(model, asked.version, requirements, rules.trust, promoter=asked.by, before=before, then=then)
    last = model.journal.last()
    seq = last.seq + 1 if last is not None else 1  # else somebody else is first, and all of this is looked at again
    return look_at_arriving(asked.version, seq, asked.arriving, rules.trust, asked.by)


def _knowable(requirements: Sequence[Requirement], asked: Asked) -> Sequence[Requirement]:
    """Before a byte of a new version was read, what nobody can have said of it yet; the rest is judged later."""
    if not asked.is_new or asked.arriving is not None:
        return requirements
    said = Approvals | Attestation | Findings | NotArchived
    return [
        one
        for one in requirements
        if isinstance(one.what, said) or (isinstance(one.what, Metric) and one.what.source is None)
    ]


def recorded(judged: Judged, rules: Rulebook) -> dict[str, Any]:
    """The field ``gate`` of the event."""
    requirements = [one.what for _, gate, _ in judged.gates for one in gate.require]
    seen = judged.seen
    metrics = {one.name for one in requirements if isinstance(one, Metric) and one.source is not None}
    sizes = {
        path: seen.sizes[path]
        for path in sorted(seen.sizes)
        if any(getattr(one, "path", None) == path for one in requirements)
    }
    return {
        "policies": [*dict.fromkeys(policy.digest for policy, _, _ in judged.gates)],
        "trust": rules.trust_digest,
        "registry_seq": rules.seq,
        "met": judged.is_met,
        "checks": [check.recorded() for check in judged.checks],
        "seen": {
            **({"sizes": sizes} if sizes else {}),
            **(
                {"metrics": {name: seen.stated[name] for name in sorted(metrics) if name in seen.stated}}
                if metrics
                else {}
            ),
            **({"archived": seen.is_archived} if any(isinstance(one, NotArchived) for one in requirements) else {}),
        },
    }


def _override(override: Override, unmet: Sequence[Check]) -> dict[str, Any]:
    return {"reason": override.reason, "ticket": override.ticket, "unmet": [check.id for check in unmet]}


def _refused(
    model: ModelStore, asked: Asked, requirements: Sequence[Requirement], rules: Rulebook
) -> RegistryError | None:
    """Why the version is not taken in at all, if it is not."""
    asks = _knowable(requirements, asked)
    unmet = [check for check in judge_all(asks, see(model, asked, asks, rules)) if not check.met]
    if not unmet:
        return None
    title = f"{model.title}@{asked.version}"
    signature = next((check for check in unmet if check.kind == "signature"), None)
    if signature is None:
        return _gate_not_met(f"The policy does not let {title} be registered: {_told(unmet)}", unmet)
    found = list(asked.arriving.says.get("signatures") or []) if asked.arriving is not None else []
    why = next((str(one.get("why")) for one in found if isinstance(one, Mapping) and one.get("why")), "missing")
    return SignatureRefused(
        f"The policy takes {title} in only with {signature.needed}. {signature.found}", why=why, signatures=found
    )


def not_met(model: ModelStore, asked: Asked, unmet: Sequence[Check]) -> GateNotMet:
    """The refusal, which says what is to be done."""
    hint = ""
    if asked.is_new:
        hint = " Register it with set_alias: null, and promote it once that is met."
    title = f"{model.title}@{asked.version}"
    return _gate_not_met(
        f"The policy does not let {asked.alias!r} name {title}. Unmet: {_told(unmet)}{hint}",
        unmet,
        alias=asked.alias,
        version=asked.version,
    )


def _gate_not_met(message: str, unmet: Sequence[Check], **names: Any) -> GateNotMet:
    return GateNotMet(message, checks=[check.to_dict() for check in unmet], **names)


def _told(unmet: Sequence[Check]) -> str:
    return " ".join(f"{check.id}: it takes {check.needed}. {check.found}" for check in unmet)


def is_reserved(rules: Rulebook, task: str, model_name: str, version: str) -> bool:
    """Whether a gate keeps versions from being called so."""
    return any(gate.reserves(version) for _, gate in rules.gates(task, model_name, version))


def _name_is_gated(version: str) -> InvalidName:
    return InvalidName(
        f"{printable(version)!r} cannot be a version: a policy guards an alias of that name, and refs tell the two "
        "apart by nothing.",
        field="version",
        name=printable(version),
    )

"""What is told of gates to whoever asks, or asks for what an alias names. Nothing here decides whether one may move."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ...format.chain import Line
from ...format.events import PROMOTE
from ...models import aliases
from ...models.gate import Asked
from ...models.model import Found, ModelStore
from ...models.timeline import Moment, happened
from ...vocabulary.errors import NotConfigured, PackageCorrupt
from ...vocabulary.evidence_errors import GateNotMet, PolicyUnreadable
from ...vocabulary.gates import Check, GateAnswer, GateInForce
from ...vocabulary.texts import check_new_name, parse_time
from ..rules.rulebook import PolicyInForce, Rulebook
from .gate import PolicyGate, is_reserved, judge_gates
from .seen import who_made
from .unasked import PastGates, is_of

NOT_RECORDED, OVERRIDDEN = "gate_not_recorded", "gate_overridden"
_UNTOLD = "Sign in to be told."


def ask(
    found: Found, alias: str, policies: PolicyGate, by: dict[str, Any], then: Moment | None, until: datetime | None
) -> GateAnswer:
    """What stands between the version and the alias, now or at that moment; ``then``: the model as it was.

    Raises ``PolicyUnreadable``, ``PackageCorrupt``, ``InvalidName``.
    """
    model, names = found.model, found.model.keys
    if not model.may_look_up(alias, names.aliases, aliases.SUFFIX):
        check_new_name("alias", alias)
    rules = policies.rules(until)
    gates = rules.gates(names.task, names.model_name, alias)
    asked = Asked(PROMOTE, found.version, alias, by)
    judged = judge_gates(model, asked, gates, rules, None if until is None else _next_seq(model, until), then)
    return GateAnswer(
        names.task,
        names.model_name,
        found.version,
        alias,
        gated=bool(gates),
        met=judged.is_met,
        checks=judged.checks,
        registry_seq=rules.seq,
        in_force=_in_force([policy for policy, _ in gates], rules) if gates else [],
    )


def unnamed(answer: GateAnswer) -> GateAnswer:
    """The answer for whoever may not be told who has done what."""
    checks = [replace(check, found=_UNTOLD, evidence=[]) for check in answer.checks]
    return replace(answer, checks=checks, in_force=[replace(one, actor=None) for one in answer.in_force])


def _next_seq(model: ModelStore, until: datetime) -> int:
    """The event that was to come at that moment."""
    return max((line.seq for line in happened(list(model.journal.lines()), until)), default=0) + 1


def _in_force(policies: list[PolicyInForce], rules: Rulebook) -> list[GateInForce]:
    told = {
        policy.seq: GateInForce(f"policy {policy.document.task}", policy.digest, policy.seq, policy.actor, policy.at)
        for policy in policies
    }
    trust = GateInForce("trust", rules.trust_digest, rules.trust_seq, rules.trust_actor, rules.trust_at)
    return [*told.values(), trust]


def warnings(found: Found, policies: PolicyGate, *, is_nobody: bool = False) -> list[str]:
    """What whoever asks for the alias must know: that no gate was asked, or that it was overridden and is unmet yet."""
    if found.alias is None:
        return []
    model, names = found.model, found.model.keys
    try:
        rules = policies.rules()
        gates = rules.gates(names.task, names.model_name, found.alias)
        if not gates:
            return []
        line = last_move(found)
        if line is None or not is_of(rules.named, line.get("gate")):
            return _not_recorded(found, line, policies)
        override = line.get("gate").get("override")
        if not isinstance(override, dict):
            return []
        unmet = judge_gates(model, Asked(PROMOTE, found.version, found.alias, who_made(line)), gates, rules).unmet
    except PackageCorrupt as error:
        return [f"{OVERRIDDEN}: the gate of {found.alias!r} was overridden, and cannot be asked again: {error.message}"]
    except (PolicyUnreadable, NotConfigured) as error:  # whoever only reads needs no library for keys
        return [f"{error.code}: what {found.alias!r} must meet cannot be told: {error.message}"]
    return [_overridden(found, line, override, unmet, is_nobody=is_nobody)] if unmet else []


def last_move(found: Found) -> Line | None:
    """The event that made the alias name the version; None where older software did."""
    seq = found.named.seq if found.named is not None else None
    return found.model.journal.line(seq) if seq is not None else None


def _not_recorded(found: Found, line: Line | None, policies: PolicyGate) -> list[str]:
    """The alias was moved without a gate, though there was one."""
    past = PastGates(found.model, policies)
    if line is not None and not past.was_guarded(str(found.alias), line.seq, line.get("ts_utc")):
        return []  # nothing was asked of anybody then
    who = "by older software or by hand" if line is None else f"by event {line.seq}"
    return [
        f"{NOT_RECORDED}: a policy guards {found.alias!r}, and it was moved {who} without its gate being asked. "
        "Promote the version again to have it judged."
    ]


def _overridden(found: Found, line: Line, override: dict[str, Any], unmet: list[Check], *, is_nobody: bool) -> str:
    moved = parse_time(line.get("ts_utc"))
    age = f" {_in_words((datetime.now(UTC) - moved).total_seconds())} ago" if moved is not None else ""
    who = "" if is_nobody else f" by {line.get('actor') or 'nobody named'}"
    ticket = f" ({override.get('ticket')})" if override.get("ticket") else ""
    return (
        f"{OVERRIDDEN}: {found.alias!r} names {found.version} though {', '.join(check.id for check in unmet)} "
        f"{'is' if len(unmet) == 1 else 'are'} not met. "
        f"Its gate was overridden{who}{age}: {override.get('reason')}{ticket}"
    )


def _in_words(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"


def require_no_version_in_the_place(found: Found, policies: PolicyGate) -> None:
    """What was found by its name is no version in the place of an alias that a policy guards. Raises ``GateNotMet``."""
    names = found.model.keys
    try:
        stands_in_the_place = is_reserved(policies.rules(), names.task, names.model_name, found.version)
    except PolicyUnreadable:
        return  # versions are read whatever becomes of policies
    if stands_in_the_place:
        raise GateNotMet(
            f"A policy guards the alias {found.version!r} of {found.model.title}, and a version of that name stands in "
            "its place, of which nothing was asked. Name another version.",
            checks=[],
            alias=found.version,
            version=found.version,
        )

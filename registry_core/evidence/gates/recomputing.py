"""Every verdict that a journal records, come to again from the journals and the documents that they name, and no clock.

What an event says of sizes, metrics and the archived mark is taken from it, and held against the journal where that
tells; so a copy without packages, as whoever was outside has it, is enough.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...format.chain import Line, chain
from ...format.events import REGISTER, REPAIR
from ...models import vouching
from ...models.gate import Asked, Override
from ...models.journal import CLOCKS_DIFFER_BY
from ...models.model import ModelStore
from ...models.states import State
from ...models.timeline import effective_times
from ...vocabulary.errors import RegistryError
from ...vocabulary.evidence_errors import GateNotMet
from ...vocabulary.gates import GateFault
from ..attestations import of_version
from ..attestations.of_version import EvidenceOfVersion
from ..rules.policy_document import ALL_TASKS, NotArchived
from ..rules.rulebook import Rulebook, Setting
from .gate import PolicyGate
from .judging import judge_all
from .looking import DocumentsOfModel
from .overriding import overridden
from .seen import Seen, who_made
from .unasked import MOVES


@dataclass(frozen=True)
class Recomputed:
    """How many verdicts there are, and what differs, in the journal's order."""

    verdicts: int
    faults: list[GateFault]


class _Before:
    """What the lines before have said. ``registry_seq``: the last event of the registry that any verdict knew."""

    def __init__(self, model: ModelStore) -> None:
        self.documents = DocumentsOfModel(model)
        self.registry_seq = 0
        self.states: dict[str, State] = {}
        self._model = model
        self._vouched = defaultdict[str, list[Line]](list)
        self._repairs: list[Line] = []

    def add(self, line: Line) -> None:
        seq, version, kind = _of(line.get("gate")).get("registry_seq"), line.get("version"), line.get("event")
        if isinstance(seq, int):
            self.registry_seq = max(self.registry_seq, seq)
        if isinstance(version, str):
            self.states[version] = self.states.get(version, State()).after(line.fields or {})
            if vouching.says_of_version(line) and line.is_of(self._model.keys.names):
                self._vouched[version].append(line)
        if kind == REPAIR:
            self._repairs.append(line)

    def evidence(self, version: str, born: Line | None) -> EvidenceOfVersion:
        """What was said of the version; ``born``: the event that registers it now."""
        repairs = of_version.clock_repairs(self._model, among=self._repairs)
        lines = self._vouched.get(version, [])
        return of_version.of_lines(version, lines if born is None else [*lines, born], repairs)


def recompute(model: ModelStore, policies: PolicyGate) -> Recomputed:
    """All verdicts of the model's journal, and whether that is the one that was written: else they say nothing."""
    verdicts, faults = 0, list[GateFault]()
    before, is_whole = _Before(model), True
    links = list(chain(model.journal.lines(), model.names()))
    rules = _after_reading(policies)
    times = effective_times([link.line for link in links])
    for link, at in zip(links, times, strict=True):
        line = link.line
        if link.faults and is_whole:
            is_whole, about = False, (model.keys.task, model.keys.model_name, line.seq, None)
            faults.append(GateFault(*about, f"from here on the journal proves nothing: {link.faults[0]}"))
        if _is_move(line):
            verdicts += isinstance(line.get("gate"), dict)
            names = (model.keys.task, model.keys.model_name, line.seq, str(line.get("alias")))
            faults += [GateFault(*names, what) for what in _found(model, line, at, before, rules)]
        before.add(line)
    return Recomputed(verdicts, faults)


def _after_reading(policies: PolicyGate) -> Rulebook | RegistryError:
    """What holds, with all that held before: once for all events of a journal that was read, which knew no later."""
    try:
        return policies.rules()
    except RegistryError as error:
        return error


def _found(
    model: ModelStore, line: Line, at: datetime | None, before: _Before, rules: Rulebook | RegistryError
) -> list[str]:
    try:
        if isinstance(rules, RegistryError):
            raise rules
        return list(_differing(model, line, at or datetime.now(UTC), before, rules))
    except RegistryError as error:
        return [f"it cannot be judged again: {error.message}"]


def _is_move(line: Line) -> bool:
    named = isinstance(line.get("alias"), str) and isinstance(line.get("version"), str)
    return line.is_own and named and line.get("event") in MOVES


def _differing(model: ModelStore, line: Line, at: datetime, before: _Before, now: Rulebook) -> Iterator[str]:
    """``at``: when it was made, whatever the clock has said that was ahead then."""
    said, alias, names = line.get("gate"), str(line.get("alias")), model.keys
    if not isinstance(said, dict):
        then = _may_have_held(at, before.registry_seq, now)
        if all(rules.gates(names.task, names.model_name, alias) for rules in then):
            yield "no gate was asked, though a policy guarded the alias"
        return
    seq = said.get("registry_seq")
    rules = now.then(seq if isinstance(seq, int) else 0)
    yield from _overtaken(at, before.registry_seq, rules, (None, ALL_TASKS, names.task))
    gates = rules.gates(names.task, names.model_name, alias)
    digests = [*dict.fromkeys(policy.digest for policy, _ in gates)]
    if said.get("policies") != digests:
        yield f"the policies that held are {digests}, and not {said.get('policies')}"
    if said.get("trust") != rules.trust_digest:
        yield f"the trust document that held is {rules.trust_digest}, and not {said.get('trust')}"
    seen = _seen(line, said, before, rules)
    if any(isinstance(one.what, NotArchived) for _, gate in gates for one in gate.require):
        known = before.states.get(str(line.get("version")), State()).archived
        if known is not None and _of(said.get("seen")).get("archived") is not known:
            yield f"by the journal the version was {'' if known else 'not '}archived"
    judged = [(policy, gate, judge_all(gate.require, seen)) for policy, gate in gates]
    checks = [check for _, _, found in judged for check in found]
    recorded, told = said.get("checks"), [check.recorded() for check in checks]
    if recorded != told:
        new = [one for one in told if isinstance(recorded, list) and one not in recorded]
        yield f"its checks are {new or told}, and not {recorded}"
    unmet = [check.id for check in checks if not check.met]
    if said.get("met") is not (not unmet):
        yield "it is " + ("unmet" if unmet else "met")
    if unmet:
        override = said.get("override")
        if not isinstance(override, dict) or override.get("unmet") != unmet:
            yield f"{', '.join(unmet)} was not met, and nobody says that it was overridden"
        else:
            glass = Override(str(override.get("reason")), override.get("ticket"))
            asked = Asked(str(line.get("event")), str(line.get("version")), alias, who_made(line), glass)
            refusal = overridden(asked, judged, rules.trust, GateNotMet("It was refused."))
            if refusal is not None:
                yield refusal.message


def _may_have_held(at: datetime, known_seq: int, now: Rulebook) -> Iterator[Rulebook]:
    """What held for all that is known of the order, and whatever the clocks of others may have set by then."""
    came_before, others = 0, list[int]()
    for one in now.then(0).later:
        if _came_before(one, at, known_seq):
            came_before = one.seq
        elif one.since is None or one.since - at <= CLOCKS_DIFFER_BY:
            others.append(one.seq)
    return (now.then(seq) for seq in (came_before, *others))


def _overtaken(at: datetime, known_seq: int, rules: Rulebook, about: tuple[str | None, ...]) -> Iterator[str]:
    """That it was judged by what did not hold any more, though by its own word it did."""
    for one in rules.later:
        if one.policy in about and _came_before(one, at, known_seq):
            yield f"it was judged as after event {rules.seq} of the registry, and event {one.seq} came before it"
            return


def _came_before(one: Setting, at: datetime, known_seq: int) -> bool:
    """Whether it did for certain: somebody knew of it before, or no two clocks differ so much."""
    return one.seq <= known_seq or (one.since is not None and at - one.since > CLOCKS_DIFFER_BY)


def _of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _seen(line: Line, said: Mapping[str, Any], before: _Before, rules: Rulebook) -> Seen:
    """What was seen then; a register event is itself the evidence of what the package brings."""
    version, is_born = str(line.get("version")), line.get("event") == REGISTER
    evidence = before.evidence(version, line if is_born else None)
    seen = _of(said.get("seen"))
    statements, intact = before.documents.of(evidence)
    return Seen(
        evidence,
        rules.trust,
        statements,
        intact,
        sizes={path: size for path, size in _of(seen.get("sizes")).items() if isinstance(size, int)},
        stated={name: number for name, number in _of(seen.get("metrics")).items() if isinstance(number, int | float)},
        is_archived=seen.get("archived") is True,
        registrant=who_made(line) if is_born else evidence.born,
        promoter=who_made(line),
    )

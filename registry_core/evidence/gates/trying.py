"""What gates would say of the versions that are there, if a policy were set that is only tried. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...format.events import PROMOTE, REGISTER
from ...models import aliases
from ...models.gate import Asked
from ...models.model import Found, ModelStore
from ...vocabulary.errors import RegistryError
from ...vocabulary.evidence_errors import PolicyUnreadable
from ...vocabulary.rules import TriedVersion
from ..rules.policy_document import PolicyDocument
from ..rules.rulebook import Rulebook
from .asking import last_move
from .gate import judge_gates
from .seen import who_made


def tried(models: Iterable[ModelStore], policy: PolicyDocument, rules: Rulebook) -> Iterator[TriedVersion]:
    """Of each alias that the policy guards the version that it names, model by model.

    ``rules``: as they would be. A gate whose alias a model does not have yet is asked of its newest version, where it
    is no pattern. Raises ``PolicyUnreadable``, ``StorageError``.
    """
    for model in models:
        if policy.gates and policy.concerns(model.keys.model_name):
            yield from _of_model(model, policy, rules)


def reserving(policy: PolicyDocument) -> list[str]:
    """Which patterns of aliases keep new versions from names that somebody may want for them."""
    patterns = dict.fromkeys(gate.alias for gate in policy.gates if "*" in gate.alias and gate.alias.strip("*"))
    return [
        f"no new version can be called like {alias!r}: refs would not tell it from an alias that the gate guards"
        for alias in patterns
    ]


def in_the_place(models: Iterable[ModelStore], policy: PolicyDocument) -> Iterator[str]:
    """The versions that have the name of an alias that the policy guards, model by model. Raises ``StorageError``."""
    for model in models if policy.gates else ():
        if policy.concerns(model.keys.model_name):
            for version in model.versions():
                gate = next((gate for gate in policy.gates if gate.reserves(version)), None)
                if gate is not None:
                    yield (
                        f"{model.title}@{version} stands in the place of an alias that the gate of {gate.alias!r} "
                        "guards: nobody gets its bytes by that name (gate_not_met)"
                    )


def _of_model(model: ModelStore, policy: PolicyDocument, rules: Rulebook) -> Iterator[TriedVersion]:
    there = aliases.names(model.storage, model.keys)
    for alias in there:
        if any(gate.guards(alias) for gate in policy.gates):
            found = _found(model, alias)
            if found is not None and found.alias is not None:
                yield _judged(found, alias, rules, is_named=True)
    missing = dict.fromkeys(
        gate.alias for gate in policy.gates if not set("*?[") & set(gate.alias) and not any(map(gate.guards, there))
    )
    newest = _newest(model) if missing else None
    if newest is not None:
        for alias in missing:
            yield _judged(newest, alias, rules, is_named=False)


def _found(model: ModelStore, selector: str) -> Found | None:
    try:
        return model.find(selector)
    except RegistryError:
        return None  # what nobody can find is judged by no gate; 'omr check' tells of it


def _newest(model: ModelStore) -> Found | None:
    """The version that was registered last, of those that are there."""
    seqs = {line.get("version"): line.seq for line in model.journal.lines() if line.get("event") == REGISTER}
    newest = max(model.versions(), key=lambda version: seqs.get(version, 0), default=None)
    location = None if newest is None else model.locate(newest)
    if newest is None or location is None:
        return None
    return Found(model, newest, None, location, model.facts(newest))


def _judged(found: Found, alias: str, rules: Rulebook, *, is_named: bool) -> TriedVersion:
    names = (found.model.keys.task, found.model.keys.model_name, alias, found.version)
    try:
        line = last_move(found) if is_named else None
        by = found.model.signed(None) if line is None else who_made(line)
        gates = rules.gates(*names[:3])
        unmet = judge_gates(found.model, Asked(PROMOTE, found.version, alias, by), gates, rules).unmet
    except PolicyUnreadable:
        raise
    except RegistryError as error:
        return TriedVersion(*names, is_named, met=False, fault=f"{error.code}: {error.message}")
    return TriedVersion(*names, is_named, met=not unmet, unmet=unmet)

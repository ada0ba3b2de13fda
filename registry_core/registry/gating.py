"""The verb of gates, and what must be known of them wherever an alias is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from .. import verbs
from ..access.roles import Action
from ..models.gate import Override
from ..models.model import Found
from ..verbs.resolution import moment_of
from ..vocabulary.answers import Event
from ..vocabulary.errors import IntegrityError, InvalidParameter, NotFound
from ..vocabulary.evidence_errors import PolicyUnreadable
from ..vocabulary.gates import GateAnswer, GateAudit, VerbsOfGates
from .opening import OpenedRegistry

if TYPE_CHECKING:
    from datetime import datetime


class GatingVerbs(OpenedRegistry, VerbsOfGates):
    """What it takes and guarantees says ``VerbsOfGates``."""

    def gate(
        self, task: str, ref: str, alias: str, as_of: str | datetime | None = None, actor: str | None = None
    ) -> GateAnswer:
        from ..evidence import asking  # only when it is wanted

        then = None
        if as_of is None:
            found = self._find(task, ref, Action.READ)
        else:
            found, then = self._find_then(task, ref, as_of, Action.READ)
        until = None if as_of is None else moment_of(as_of)
        answer = asking.ask(found, alias, self._policies.policies, found.model.signed(actor), then, until)
        return answer if self._door is None or not self._door.is_nobody else asking.unnamed(answer)

    def audit_gates(self, task: str | None = None, model_name: str | None = None) -> GateAudit:
        """Every verdict that events record, of one model or of all, is come to again; what differs is named.

        It is by the journals and the documents that they name alone: a copy that has no more will do. Raises
        ``ModelNotFound``, ``InvalidParameter`` for one name of the two, ``StorageError``.
        """
        from ..evidence.gates.recomputing import recompute  # only when it is wanted

        if (task is None) != (model_name is None):
            field = "task" if task is None else "model_name"
            raise InvalidParameter("Name task and model, or neither.", field=field)
        if task is None or model_name is None:
            models = self._models()
        else:
            models = iter([self._model(task, model_name, Action.READ).require()])
        found = [recompute(model, self._policies.policies) for model in models]
        return GateAudit(sum(one.verdicts for one in found), [fault for one in found for fault in one.faults])

    def _find(self, task: str, ref: str, action: Action) -> Found:
        found = super()._find(task, ref, action)
        if action is Action.USE:
            self._require_no_version_in_the_place(found)
        return found

    @property
    def has_policies(self) -> bool:
        """Whether there ever was a policy, for whoever reads; on an object store as of 5 s ago at most."""
        return self._identity.said().has_policies

    def _about_gate(self, found: Found) -> list[str]:
        """What must be known of the gate of the alias that was asked for; what it costs is for registries with one."""
        if found.alias is None or not self.has_policies:
            return []
        from ..evidence import asking  # only where there is a policy

        is_nobody = self._door is not None and self._door.is_nobody
        return asking.warnings(found, self._policies.policies, is_nobody=is_nobody)

    def gate_warnings(self, task: str, model_name: str, moves: Mapping[str, Event | None]) -> dict[str, list[str]]:
        """alias -> what must be known of it, of those that were moved past their gate, or over it and unmet since.

        ``moves``: the event by which each names what it names, None where none is known. Where all have passed their
        gates it costs one look at the policies; what cannot be told is left out. Raises ``ModelNotFound``,
        ``StorageError``.
        """
        model = self._model(task, model_name, Action.READ).require()
        if not moves or not self.has_policies:
            return {}
        from ..evidence import unasked  # only where there is a policy

        told: dict[str, list[str]] = {}
        try:
            rules = self._policies.policies.rules()
            for alias, event in moves.items():
                gate = None if event is None else event.gate
                has_passed = unasked.is_of(rules.named, gate) and not (gate or {}).get("override")
                if not has_passed and rules.gates(task, model_name, alias):
                    with suppress(NotFound, IntegrityError):
                        told[alias] = self._about_gate(verbs.resolution.find(model, alias))
        except PolicyUnreadable:
            pass  # whoever would move one of them is told
        return told

    def unasked(self, task: str, model_name: str, events: Iterable[Event]) -> set[int]:
        """Those of the model's events, by seq, that moved an alias past its gate: a policy guarded it then.

        None where what held cannot be told. Raises ``ModelNotFound``, ``StorageError``.
        """
        model = self._model(task, model_name, Action.READ).require()
        if not self.has_policies:
            return set()
        from ..evidence import unasked  # only where there is a policy

        try:
            return unasked.PastGates(model, self._policies.policies).unasked(events)
        except PolicyUnreadable:
            return set()

    def _require_no_version_in_the_place(self, found: Found) -> None:
        """A version has not the name of an alias that a policy guards. Raises ``GateNotMet``."""
        if found.alias is None and self.has_policies:
            from ..evidence import asking  # only where there is a policy

            asking.require_no_version_in_the_place(found, self._policies.policies)


def override_of(said: Mapping[str, object]) -> Override:
    """The override as a caller says it. Raises ``InvalidParameter``."""
    if not isinstance(said, Mapping) or said.keys() - {"reason", "ticket"} or "reason" not in said:
        raise InvalidParameter("An override is an object of a reason and perhaps a ticket.", field="override")
    reason, ticket = said["reason"], said.get("ticket")
    if not isinstance(reason, str) or not isinstance(ticket, str | None):
        raise InvalidParameter("The reason and the ticket of an override are texts.", field="override")
    return Override(reason, ticket)

"""The verb of gates, and what it gives: what a version needs before an alias may name it, and what was found of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol

from .answers import Value
from .verbs import Ref, Task


@dataclass(frozen=True)
class Check(Value):
    """One requirement against one version."""

    id: str
    kind: Annotated[str, "metric, approvals, signature, attestation, findings, file, fact or not_archived."]
    met: bool
    needed: Annotated[str, "What it takes, for a person."]
    found: Annotated[str, "What was found, for a person."]
    evidence: Annotated[list[int], "The events that counted."] = field(default_factory=list)
    overridable: Annotated[bool, "Whether who may override the gate can do without it."] = True

    def recorded(self) -> list[Any]:
        """What an event says of it."""
        return [self.id, self.met, list(self.evidence)]


@dataclass(frozen=True)
class GateInForce(Value):
    """A document that the verdict is by, and the event of the registry's journal that set it."""

    name: Annotated[str, "trust; or policy, a blank, and its task."]
    document: Annotated[str | None, "Its digest; null: there is none."]
    seq: int
    actor: Annotated[str | None, "Who set it."]
    at: Annotated[str | None, "When."]


@dataclass(frozen=True)
class GateAnswer(Value):
    """What stands between a version and an alias."""

    task: str
    model_name: str
    version: str
    alias: str
    gated: Annotated[bool, "A policy guards the alias."]
    met: Annotated[bool, "Nothing is in the way."]
    checks: list[Check]
    registry_seq: Annotated[int, "The last event of the registry's journal that it is by."]
    in_force: Annotated[list[GateInForce], "The policies that guard the alias, and the trust document."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class GateFault(Value):
    """A verdict that does not come of what it says it is by; without ``alias``, a journal that is not as written."""

    task: str
    model_name: str
    seq: int
    alias: str | None
    fault: str


@dataclass(frozen=True)
class GateAudit(Value):
    """What came of judging again what events record."""

    verdicts: Annotated[int, "So many events record one."]
    faults: list[GateFault]


class VerbsOfGates(Protocol):
    """What ``ModelRegistry`` and ``RegistryClient`` have in common beside ``Verbs``."""

    def gate(
        self,
        task: Task,
        ref: Ref,
        alias: Annotated[str, "Whose gate is asked."],
        as_of: Annotated[str | datetime | None, "As it was at this moment (RFC 3339)."] = None,
        actor: Annotated[str | None, "Who would promote it, where nobody is asked who calls."] = None,
    ) -> GateAnswer:
        """Whether a promote would pass now, requirement by requirement; nothing is changed.

        Raises ``NotFound``, ``PolicyUnreadable``, ``PackageCorrupt``, ``InvalidParameter``.
        """
        ...

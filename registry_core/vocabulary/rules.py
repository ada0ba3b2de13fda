"""The verbs of trust and policies that the library, the HTTP service and the client have alike, and what they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol

from .access import ExpectedSeq
from .answers import Value
from .gates import Check
from .verbs import Actor, Reason

Then = Annotated[str | datetime | None, "What held at this moment (RFC 3339)."]
DocumentDigest = Annotated[str, "sha256:<64 hex>, or the hex alone."]
Policy = Annotated[str, "The task whose policy it is, or * for that of all."]
Written = Annotated[bytes | Mapping[str, Any], "The document, best as it is written."]


@dataclass(frozen=True)
class RuleChange(Value):
    """``seq``: the event that records it. ``digest``: of the document; None where none holds any more."""

    seq: int
    digest: str | None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TrustRules(Value):
    """The trust document that holds, and who set it last; where none was ever set ``seq`` is 0, and all else None."""

    document: dict[str, Any] | None
    digest: str | None
    seq: int
    actor: str | None
    reason: str | None
    updated_at: str | None


@dataclass(frozen=True)
class PolicyFacts(Value):
    """A policy that holds, and who set it last."""

    task: Annotated[str, "* for the policy of all tasks."]
    digest: str
    seq: int
    actor: str | None
    reason: str | None
    updated_at: str | None


@dataclass(frozen=True)
class PolicyRules(PolicyFacts):
    """A policy that holds, as it is written, and who set it last."""

    document: dict[str, Any]


@dataclass(frozen=True)
class TriedVersion(Value):
    """What the gate of an alias would say of a version, if the policy were set."""

    task: str
    model_name: str
    alias: str
    version: str
    named: Annotated[bool, "The alias names it now; else it is the newest version, and the alias is not there yet."]
    met: bool
    unmet: Annotated[list[Check], "What it lacks."] = field(default_factory=list)
    fault: Annotated[str | None, "Why it cannot be judged, if it cannot."] = None


@dataclass(frozen=True)
class PolicyTrial(Value):
    """A policy that would be taken, what it would guard, and what its gates would say of the versions that are there.

    Nothing that stands is taken back: an alias goes on naming what it names, whatever a new policy asks for.
    """

    task: str
    digest: str
    models: Annotated[list[str], "Patterns of the models that it is about."]
    aliases: Annotated[list[str], "Patterns of the aliases that its gates guard."]
    holds: Annotated[bool, "It is the policy that holds already."]
    versions: Annotated[
        list[TriedVersion], "Of each guarded alias what it names, with all policies that would hold then."
    ] = field(default_factory=list)
    left_out: Annotated[bool, "There are more than are told of."] = False
    warnings: list[str] = field(default_factory=list)


class VerbsOfRules(Protocol):
    """What ``ModelRegistry`` and ``RegistryClient`` have in common about trust and policies: for admins."""

    def trust_document(self, *, as_of: Then = None) -> TrustRules:
        """The trust document that holds, or held at a moment. Raises ``PolicyUnreadable``, ``InvalidParameter``."""
        ...

    def set_trust_document(
        self, document: Written, *, expected_seq: ExpectedSeq = None, actor: Actor = None, reason: Reason = None
    ) -> RuleChange:
        """Whose keys, principals and actors are whose is what the document says, from now on; by one event.

        What it takes the place of need not be readable. Raises ``TrustInvalid``, ``TrustMoved``, ``PolicyUnreadable``
        where the journal is not whole, ``StorageError``.
        """
        ...

    def policies(self) -> list[PolicyFacts]:
        """The policies that hold, by their tasks. Raises ``PolicyUnreadable``."""
        ...

    def policy(self, task: Policy, *, as_of: Then = None) -> PolicyRules:
        """The policy of the task that holds, or held at a moment.

        Raises ``PolicyNotFound``, ``PolicyUnreadable``, ``InvalidParameter``.
        """
        ...

    def set_policy(
        self,
        task: Policy,
        document: Written,
        *,
        expected_seq: ExpectedSeq = None,
        actor: Actor = None,
        reason: Reason = None,
    ) -> RuleChange:
        """What a version of the task needs before an alias may name it is what the document says; by one event.

        Raises ``PolicyInvalid``, ``PolicyMoved``, ``PolicyUnreadable`` where the journal is not whole,
        ``StorageError``.
        """
        ...

    def try_policy(self, task: Policy, document: Written) -> PolicyTrial:
        """What the document would guard, and say of the versions that are there, if it were set. Writes nothing.

        Raises ``PolicyInvalid``, ``PolicyUnreadable``.
        """
        ...

    def clear_policy(
        self, task: Policy, *, expected_seq: ExpectedSeq = None, actor: Actor = None, reason: Reason = None
    ) -> RuleChange:
        """The task has no policy any more; by one event. Raises ``PolicyNotFound``, and as :meth:`set_policy`."""
        ...

    def log_document(self, digest: DocumentDigest) -> bytes:
        """The bytes of a trust document or a policy that holds, or held once.

        Raises ``PolicyNotFound``, ``PolicyUnreadable`` where they are not what was set.
        """
        ...

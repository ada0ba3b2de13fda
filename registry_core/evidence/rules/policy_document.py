"""The policy: what a version needs before an alias may name it, as values. :mod:`policy_grammar` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ...vocabulary import patterns

ALL_TASKS = "*"


class Part(StrEnum):
    """Who has a part in the version, and may be asked to be another than who approves."""

    REGISTRANT = "registrant"
    PROMOTER = "promoter"
    SIGNERS = "signers"


class Covers(StrEnum):
    ARTIFACTS = "artifacts"
    PACKAGE = "package"  # the metadata too


class Severity(StrEnum):
    BLOCKING = "blocking"
    MAJOR = "major"
    MINOR = "minor"
    NOTE = "note"


class Load(StrEnum):
    """What loading the worst of the files can do."""

    NONE = "none"
    DATA_ONLY = "data_only"
    UNREADABLE = "unreadable"
    CODE = "code"


class FactName(StrEnum):
    LOAD = "load"


class Source(StrEnum):
    METADATA = "metadata"  # the registrant's own claim


@dataclass(frozen=True)
class Metric:
    """A number that somebody of ``by`` (empty: any person) has measured; exactly one of ``gte`` and ``lte`` is set."""

    name: str
    gte: float | None = None
    lte: float | None = None
    dataset: str | None = None
    split: str | None = None
    min_n: int | None = None
    by: tuple[str, ...] = ()
    source: Source | None = None


@dataclass(frozen=True)
class Approvals:
    """Reviews of so many people; ``excluded`` (``not`` in the document): of none who has that part in the version."""

    at_least: int
    by: tuple[str, ...]
    excluded: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Signature:
    by: tuple[str, ...]
    covers: Covers | None = None


@dataclass(frozen=True)
class Attestation:
    """``where``: path -> what stands there in the predicate."""

    predicate_type: str
    by: tuple[str, ...]
    where: Mapping[str, str | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    none_of: tuple[Severity, ...]


@dataclass(frozen=True)
class File:
    path: str
    min_bytes: int | None = None


@dataclass(frozen=True)
class Fact:
    """``allowed``: ``in`` in the document."""

    name: FactName
    allowed: tuple[Load, ...]


@dataclass(frozen=True)
class NotArchived:
    pass


What = Metric | Approvals | Signature | Attestation | Findings | File | Fact | NotArchived


@dataclass(frozen=True)
class Requirement:
    """``overridable``: who may break the glass can do without it."""

    id: str
    kind: str
    what: What
    overridable: bool = True


@dataclass(frozen=True)
class BreakGlass:
    by: tuple[str, ...]
    reason_min_characters: int = 1


@dataclass(frozen=True)
class GateRule:
    """What is required before an alias like ``alias`` may name a version."""

    alias: str
    require: tuple[Requirement, ...]
    break_glass: BreakGlass | None = None

    def guards(self, alias: str) -> bool:
        """Whatever the case of letters: for people, and on some filesystems, names are then one."""
        return patterns.any_protects((self.alias,), alias)

    def reserves(self, name: str) -> bool:
        """Whether no version may be called so: refs tell it apart from a guarded alias by nothing.

        A gate before each alias means no version's name.
        """
        return bool(self.alias.strip("*")) and self.guards(name)


@dataclass(frozen=True)
class PolicyDocument:
    """``register``: what is required before a version is taken in at all."""

    task: str
    models: tuple[str, ...]
    register: tuple[Requirement, ...] = ()
    gates: tuple[GateRule, ...] = ()

    def concerns(self, model_name: str) -> bool:
        return patterns.any_matches(self.models, model_name)

    def matches(self, model_name: str, alias: str) -> tuple[GateRule, ...]:
        """The gates before the alias of the model; all of them must hold."""
        return tuple(gate for gate in self.gates if self.concerns(model_name) and gate.guards(alias))

    def for_register(self, model_name: str) -> tuple[Requirement, ...]:
        return self.register if self.concerns(model_name) else ()

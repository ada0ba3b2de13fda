"""What the operator's verbs report: check, sweep, purge, adopt, migrate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .answers import Value


@dataclass(frozen=True)
class Finding(Value):
    """One thing ``check`` noticed. ``severity``: damage, pending (a crash left it; the next change
    finishes it), or note (older software's, or abandoned staging).

    ``code`` is stable, one for each kind; ``docs/operations.md`` lists them. ``command``: what mends it, where one
    does.
    """

    severity: str
    where: str
    message: str
    code: str = "other"
    command: str | None = None


@dataclass(frozen=True)
class CheckReport(Value):
    """Journal, versions, aliases and state of a whole registry, compared."""

    models: int
    versions: int
    events: int
    findings: list[Finding]

    @property
    def is_clean(self) -> bool:
        return not any(finding.severity == "damage" for finding in self.findings)

    @property
    def is_finished(self) -> bool:
        """Whether no crash has left anything to be finished."""
        return not any(finding.severity == "pending" for finding in self.findings)


@dataclass(frozen=True)
class SweepReport(Value):
    """Models whose journal was finished, staging attempts removed, attempts left alone; ``documents`` that are gone.

    ``refused``: the models that were left alone, and why. A journal that is damaged or cannot be read may name any
    attempt, so while there is one none is removed.
    """

    finished: list[str]
    removed: list[str]
    kept: list[str]
    refused: list[Finding] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As of any value, but ``refused`` and ``documents`` are there only where there is anything."""
        content = super().to_dict()
        return {name: value for name, value in content.items() if value or name not in ("refused", "documents")}


@dataclass(frozen=True)
class MigrationReport(Value):
    """What a migration found at the source, and what of it had to be copied."""

    models: int
    versions: int
    versions_copied: int
    events_copied: int
    bytes_copied: int


@dataclass(frozen=True)
class PurgeReport(Value):
    """Versions (``task/model_name@version``) whose bytes were given up, and those kept for now.

    ``bytes_freed`` leaves out the files that other versions have too, as one file on the disk, and what a store goes
    on keeping as old versions. ``cleared``: versions of whose bytes that was removed too. ``warnings``: where bytes
    are kept, or that nobody can tell.
    """

    purged: list[str]
    kept: list[str]
    bytes_freed: int
    cleared: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As of any value, but ``cleared`` and ``warnings`` are there only where there are any."""
        return {
            name: value for name, value in super().to_dict().items() if value or name not in ("cleared", "warnings")
        }


@dataclass(frozen=True)
class AdoptionReport(Value):
    """Versions of older software: given a baseline now, already having one, and left alone, with why.

    Each as ``task/model_name@version``; ``noticed`` says what was found about those adopted.
    """

    adopted: list[str]
    already: int
    noticed: list[Finding]
    refused: list[Finding]


@dataclass(frozen=True)
class Repair(Value):
    """What is to be mended at a model (``task/model_name``), and whether it was.

    ``kind``: journal, clock, documents, tombstones, seals or strays. ``steps`` says each thing that is to be done, or
    was, in words; none: there is nothing to mend. ``seq``: the event that records it. ``paths``: what is written anew
    or set aside, below the model's directory. Of a journal ``lost_from`` to ``lost_to`` are the events that are lost,
    and ``shown_by`` is what shows that there was the last of them.
    """

    kind: str
    where: str
    steps: list[str]
    is_done: bool
    seq: int | None = None
    paths: list[str] = field(default_factory=list)
    lost_from: int | None = None
    lost_to: int | None = None
    shown_by: str | None = None

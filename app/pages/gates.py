"""What stands between a version and an alias, as pages show it before anybody presses a button."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry_core import (
    Check,
    Event,
    GateAnswer,
    InvalidName,
    ModelRegistry,
    NotConfigured,
    PackageCorrupt,
    PolicyUnreadable,
    RegistryError,
)

_OVERRIDDEN = "gate_overridden: "
MOST_CHECKS = 64  # that a page shows; one policy may ask for as many before an alias


@dataclass(frozen=True)
class Checklist:
    """The requirements of one alias. ``answer`` is None where nobody can tell them: ``why`` says why."""

    alias: str
    answer: GateAnswer | None
    why: str | None = None

    @property
    def checks(self) -> list[Check]:
        """The unmet ones first."""
        return [] if self.answer is None else sorted(self.answer.checks, key=lambda check: check.met)

    @property
    def is_met(self) -> bool:
        return self.answer is not None and self.answer.met

    @property
    def unmet(self) -> int:
        return sum(not check.met for check in self.checks)


def checklist(
    registry: ModelRegistry, task: str, model_name: str, version: str, alias: str, who: str | None = None
) -> Checklist | None:
    """What the alias needs before it may name the version; None where no policy guards it.

    ``who``: who would move it, where nobody is asked who calls. Raises ``NotFound``, ``StorageError``.
    """
    try:
        answer = registry.gate(task, f"{model_name}@{version}", alias, actor=who or None)
    except InvalidName:
        return None  # no alias can be called so, and whoever tries is told
    except (PolicyUnreadable, PackageCorrupt, NotConfigured) as error:
        return Checklist(alias, None, error.message)
    return Checklist(alias, answer) if answer.gated else None


def overridden(registry: ModelRegistry, task: str, model_name: str, moves: Iterable[Event]) -> list[str]:
    """What must be known of aliases that were moved past their gate, until that is met; ``moves``: the last of each.

    Nothing is asked of those that were not. What cannot be told now is left out.
    """
    found: list[str] = []
    for move in moves:
        if (move.gate or {}).get("override"):
            try:
                told = registry.show(task, f"{model_name}@{move.alias}").warnings
            except RegistryError:
                continue
            found += [one.removeprefix(_OVERRIDDEN) for one in told if one.startswith(_OVERRIDDEN)]
    return found

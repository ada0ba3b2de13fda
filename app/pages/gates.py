"""What stands between a version and an alias, as pages show it before anybody presses a button."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
    StorageError,
)

UNASKED, OVERRIDDEN = "gate_not_recorded", "gate_overridden"
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


@dataclass(frozen=True)
class Told:
    """What must be known of an alias; ``is_unasked``: no gate was asked, which somebody can still do."""

    alias: str
    text: str
    is_unasked: bool


def told(
    registry: ModelRegistry,
    task: str,
    model_name: str,
    moved: Mapping[str, int | None],
    last: Callable[[str], Event | None],
) -> list[Told]:
    """What must be known of aliases that were moved past their gate, or over it, until that is met.

    ``moved``: the event by which each names what it names; ``last`` gives an alias's last event, and is asked only
    where there are policies. What cannot be told now is left out.
    """
    if not registry.has_policies:
        return []
    events = {alias: last(alias) for alias in moved}
    moves = {alias: one if one is not None and one.seq == moved[alias] else None for alias, one in events.items()}
    try:
        found = registry.gate_warnings(task, model_name, moves)
    except StorageError:
        return []
    said = [(alias, *text.partition(": ")) for alias, texts in found.items() for text in texts]
    return [Told(alias, text, code == UNASKED) for alias, code, _, text in said if code in (UNASKED, OVERRIDDEN)]


def unasked(registry: ModelRegistry, task: str, model_name: str, events: Iterable[Event]) -> set[int]:
    """Those of the events, by seq, that moved an alias past its gate; none where that cannot be told now."""
    try:
        return registry.unasked(task, model_name, events) if registry.has_policies else set()
    except StorageError:
        return set()

"""Moves of aliases that no gate was asked of, though a policy guarded the alias when they were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from ...format.events import PROMOTE, REGISTER, ROLLBACK, STAGE
from ...models.model import ModelStore
from ...vocabulary.answers import Event
from ..attestations.of_version import clock_repairs, when_made
from ..rules.policy_document import ALL_TASKS
from .gate import PolicyGate

MOVES = (REGISTER, PROMOTE, ROLLBACK, STAGE)


class PastGates:
    """Which aliases of a model were guarded when. Looks at the registry's journal once.

    Raises ``PolicyUnreadable``, ``StorageError``, as all of its methods.
    """

    def __init__(self, model: ModelStore, policies: PolicyGate) -> None:
        self._model = model
        self._now = policies.rules()
        self._set = self._now.then(0).later

    def was_guarded(self, alias: str, seq: int, said: Any) -> bool:
        """Whether a policy guarded the alias at that event, which says when it was made; now, where it says nothing."""
        moved, _ = when_made(seq, said, clock_repairs(self._model))
        rules = self._now if moved is None else self._now.then(moved)
        return bool(rules.gates(self._model.keys.task, self._model.keys.model_name, alias))

    def unasked(self, events: Iterable[Event]) -> set[int]:
        """Those of the model's events that let a guarded alias name a version without its gate."""
        names = {ALL_TASKS, self._model.keys.task}
        if not any(one.policy in names for one in self._set):
            return set()
        ours = {one.document for one in self._set}
        moves = (one for one in events if one.event in MOVES and one.alias is not None and one.version is not None)
        return {
            one.seq
            for one in moves
            if not is_of(ours, one.gate) and self.was_guarded(str(one.alias), one.seq, one.ts_utc)
        }


def is_of(ours: AbstractSet[str | None], gate: Any) -> bool:
    """Whether it was judged by policies of this registry, and not of the one that the model was taken over from."""
    policies = gate.get("policies") if isinstance(gate, Mapping) else None
    named = policies if isinstance(policies, list) else []
    return bool(named) and all(isinstance(one, str) and one in ours for one in named)

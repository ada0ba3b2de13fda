"""How gates come to the verbs: those of the policies, as soon as there is one, and until then nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models.gate import Asked, Verdict
from ..models.model import ModelStore
from ..models.registry_journal import POLICIES, RegistryJournal, marks_of, said_of_root

if TYPE_CHECKING:
    from ..evidence.gates.gate import PolicyGate
    from ..storage import Storage


class PoliciesAsked:
    """As :class:`~registry_core.models.gate.Gate`. Where there never was a policy, that costs a look at the root."""

    def __init__(self, storage: Storage, lock_timeout_s: float) -> None:
        self._storage = storage
        self._lock_timeout_s = lock_timeout_s

    def judge(self, model: ModelStore, asked: Asked) -> Verdict:
        return self.policies.judge(model, asked) if self.is_gated() else Verdict()

    def guards(self, model: ModelStore) -> bool:
        return self.is_gated() and self.policies.guards(model)

    def is_gated(self) -> bool:
        """Whether there ever was a policy, as the root says it now, or is to say. Raises ``JournalCorrupt``,
        ``StorageError``."""
        if POLICIES in said_of_root(self._storage):
            return True
        # A crash may have come between the first policy and what the root says of it.
        last = RegistryJournal(self._storage, self._lock_timeout_s).journal.last()
        return last is not None and POLICIES in marks_of(last)

    @property
    def policies(self) -> PolicyGate:
        from ..evidence.gates.gate import PolicyGate  # only where there is a policy

        return PolicyGate(RegistryJournal(self._storage, self._lock_timeout_s))

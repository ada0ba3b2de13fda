"""The verbs of the log: raw lines, and what proves that nobody has changed them since."""

from __future__ import annotations

from .. import verbs
from ..access.roles import Action
from ..vocabulary.errors import InvalidParameter
from ..vocabulary.log import MOST_LINES, JournalLines, VerbsOfLog
from .maintaining import MaintainingVerbs


class LogVerbs(MaintainingVerbs, VerbsOfLog):
    """Whoever opens the root may read all of it; others as ``VerbsOfLog`` says."""

    def journal_lines(
        self, task: str | None = None, model_name: str | None = None, *, after: int = 0, limit: int = MOST_LINES
    ) -> JournalLines:
        self._require_somebody()
        if task is None and model_name is None:
            self._require_admin()
            return verbs.raw_lines.page(self._own_journal().journal, after, limit)
        if task is None or model_name is None:
            raise InvalidParameter("Name task and model, or neither.", field="task" if task is None else "model_name")
        return verbs.raw_lines.page(self._model(task, model_name, Action.READ).require().journal, after, limit)

    def _require_somebody(self) -> None:
        """Whoever calls is known, where callers are asked who they are. Raises ``PermissionDenied``."""
        if self._door is not None and self._door.is_nobody:
            self._door.require_known()

"""The log, for whoever trusts nobody: raw lines, what was signed of them, and what proves that they are in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from .answers import Value

MOST_LINES = 1000  # of a page

OfTask = Annotated[str | None, "The task; without task and model it is the registry's own journal."]
OfModel = Annotated[str | None, "The model, of that task."]


@dataclass(frozen=True)
class JournalLines(Value):
    """Lines of a journal, byte for byte and without their newlines; one that is empty stands for a lost event."""

    after: int
    lines: list[bytes]
    next: Annotated[int | None, "What to send as after for the lines that follow; null: there were no more."]


class VerbsOfLog(Protocol):
    """What ``ModelRegistry`` and ``RegistryClient`` have in common about the log.

    Where callers say who they are, all of these are for somebody who is known: raw lines name people, and have what
    history never shows, such as idempotency keys. Those of a model are for whoever may read it, the registry's own for
    its admins.
    """

    def journal_lines(
        self,
        task: OfTask = None,
        model_name: OfModel = None,
        *,
        after: Annotated[int, "Only lines after this one; the first is 1."] = 0,
        limit: Annotated[int, "At most so many lines."] = MOST_LINES,
    ) -> JournalLines:
        """The lines of the journal as they lie there, proven by nothing; ``limit`` is from 1 to 1000.

        A page ends earlier where its lines are large. Raises ``ModelNotFound``, ``InvalidParameter``.
        """
        ...

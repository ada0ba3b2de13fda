"""The log, for whoever trusts nobody: raw lines, what was signed of them, and what proves that they are in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from .answers import Value

MOST_LINES = 1000  # of a page
MOST_NOTE_BYTES = 64 * 1024  # and of a file of the log's keys

OfTask = Annotated[str | None, "The task; without task and model it is the registry's own journal."]
OfModel = Annotated[str | None, "The model, of that task."]


@dataclass(frozen=True)
class JournalLines(Value):
    """Lines of a journal, byte for byte and without their newlines; one that is empty stands for a lost event."""

    after: int
    lines: list[bytes]
    next: Annotated[int | None, "What to send as after for the lines that follow; null: there were no more."]


@dataclass(frozen=True)
class InclusionProof(Value):
    """That a line is in the log; hashes and bytes are in Base64, as in notes."""

    task: str | None
    model_name: str | None
    seq: int
    index: Annotated[int, "Which leaf of the tree the line is, from 0."]
    size: Annotated[int, "How many leaves the tree has."]
    leaf: Annotated[str, "The line, whose hash with a zero byte before it is the leaf's (RFC 6962)."]
    proof: Annotated[list[str], "The hashes beside the way from the leaf to the root."]
    checkpoint: Annotated[str, "The signed note of this tree."]


@dataclass(frozen=True)
class ConsistencyProof(Value):
    """That the larger tree begins with the smaller one; hashes are in Base64, as in notes."""

    from_size: int
    to_size: int
    proof: list[str]
    checkpoint: Annotated[str, "The newest signed note."]


@dataclass(frozen=True)
class LogProof(Value):
    """That a log goes on from a note that was kept elsewhere."""

    origin: str
    from_size: Annotated[int, "How many lines the log had when the note was signed."]
    size: Annotated[int, "How many it has now."]
    root: Annotated[str, "The root of all of them."]
    models: Annotated[int | None, "How many models' journals were read; null: none, a service's proof was taken."]
    checkpoint: Annotated[str | None, "The newest note: keep it in the place of the older one."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class LogChange(Value):
    """``seq``: the event that records it. ``vkey``: the line of the log's key from now on, for outsiders to keep."""

    seq: int
    vkey: str


@dataclass(frozen=True)
class Published(Value):
    """``events``: how many it took to cover what was new; 0: nothing was."""

    size: int
    events: int
    note: Annotated[str | None, "The signed note of all that is covered; null where nothing is."]


@dataclass(frozen=True)
class Exported(Value):
    """What an export holds."""

    models: int
    lines: int
    documents: int


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

    def log_checkpoint(self) -> str:
        """The newest signed note of the log. Raises ``LogNotSet``."""
        ...

    def log_vkey(self) -> str:
        """The line of the key that signs the log's notes: what an outsider keeps. Raises ``LogNotSet``."""
        ...

    def log_proof(
        self,
        task: OfTask = None,
        model_name: OfModel = None,
        *,
        seq: Annotated[int, "The line, from 1."],
    ) -> InclusionProof:
        """What proves that the line is in the tree of the newest note.

        Raises ``ModelNotFound``, ``NotInLog``, ``LogNotSet``, ``LogCorrupt``.
        """
        ...

    def log_consistency(
        self,
        from_size: Annotated[int, "The size of the older tree."],
        to_size: Annotated[int | None, "The size of the newer tree; null: that of the newest note."] = None,
    ) -> ConsistencyProof:
        """What proves that the log only grew from one size to the other.

        Raises ``InvalidParameter`` for a size that the log has not reached, ``LogNotSet``, ``LogCorrupt``.
        """
        ...

    def prove_log(
        self,
        checkpoint: Annotated[bytes, "The note that was kept."],
        vkeys: Annotated[Sequence[str], "The lines of the log's keys that were kept."],
    ) -> LogProof:
        """The log goes on from the note that was kept: nothing that it covered was changed, moved or taken out.

        Of a root, or of an export, all journals are read, and nothing is believed of what lies there; of a service by
        its newest note and a proof of hashes. Raises ``InvalidParameter``, ``LogCorrupt``, ``LogNotSet``,
        ``JournalCorrupt``.
        """
        ...

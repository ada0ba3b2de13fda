"""The verbs of the log: raw lines, and what proves that nobody has changed them since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .. import verbs
from ..access.roles import Action
from ..models.journal import Journal
from ..vocabulary.errors import InvalidParameter
from ..vocabulary.log import MOST_LINES, ConsistencyProof, Exported, InclusionProof, JournalLines, LogProof, VerbsOfLog
from .maintaining import MaintainingVerbs

if TYPE_CHECKING:
    from ..evidence.log.log import Log
    from ..evidence.log.proofs import Noted


class ProvingVerbs(MaintainingVerbs, VerbsOfLog):
    """Whoever opens the root may read all of it; others as ``VerbsOfLog`` says."""

    def journal_lines(
        self, task: str | None = None, model_name: str | None = None, *, after: int = 0, limit: int = MOST_LINES
    ) -> JournalLines:
        return verbs.raw_lines.page(self._raw(task, model_name), after, limit)

    def log_checkpoint(self) -> str:
        from ..evidence import proofs  # only when it is wanted

        self._require_known()
        self._identity.confirm()
        return proofs.newest_note(self._storage).text

    def log_vkey(self) -> str:
        self._require_known()
        with self._log() as log:
            return str(log.said.verifiers[0])

    def log_proof(self, task: str | None = None, model_name: str | None = None, *, seq: int) -> InclusionProof:
        from ..evidence import proofs  # only when it is wanted

        self._raw(task, model_name)
        with self._noted_log() as (log, note):
            return proofs.inclusion(log, (task or "", model_name or ""), seq, note)

    def log_consistency(self, from_size: int, to_size: int | None = None) -> ConsistencyProof:
        from ..evidence import proofs  # only when it is wanted

        self._require_known()
        with self._noted_log() as (log, note):
            return proofs.consistency(log, from_size, to_size, note)

    def prove_log(self, checkpoint: bytes, vkeys: Sequence[str]) -> LogProof:
        from ..evidence import extension, outsider  # only when it is wanted

        self._require_admin()
        self._identity.look()
        verifiers = extension.verifiers_of(vkeys)
        return outsider.prove(self._storage, extension.kept(checkpoint, verifiers), verifiers)

    def export_log(self, destination: Path) -> Exported:
        """What proves the log and the gates to whoever has nothing else lies in the new directory.

        It is read as a root is, with :meth:`prove_log`, and has no packages. Raises ``DestinationDiffers``,
        ``StorageUnavailable``.
        """
        from ..evidence import export  # only when it is wanted
        from ..vocabulary.evidence_errors import LogCorrupt, LogNotSet

        self._require_admin()
        self._identity.look()
        try:
            vkey = self.log_vkey()
        except (LogCorrupt, LogNotSet):  # what is damaged is exported all the same
            vkey = None
        return export.export(self._storage, destination, vkey)

    def _raw(self, task: str | None, model_name: str | None) -> Journal:
        """The journal whose lines the caller may have as they are. Raises as :meth:`journal_lines`."""
        self._require_somebody()
        if task is None and model_name is None:
            self._require_admin()
            return self._own_journal().journal
        if task is None or model_name is None:
            raise InvalidParameter("Name task and model, or neither.", field="task" if task is None else "model_name")
        return self._model(task, model_name, Action.READ).require().journal

    @contextmanager
    def _log(self) -> Iterator[Log]:
        """The log, followed to its end, for whoever may use it. Raises ``LogNotSet``, ``LogCorrupt``."""
        from ..evidence.log.index import LogIndex
        from ..evidence.log.log import Log  # only when it is wanted

        with LogIndex(self._log_index()) as index:
            log = Log(self._own_journal(), index)
            log.follow()
            log.require_begun()
            yield log

    def _log_index(self) -> Path | None:
        from ..catalogue.place import log_index_path  # only when it is wanted

        return log_index_path(self._settings)

    @contextmanager
    def _noted_log(self) -> Iterator[tuple[Log, Noted]]:
        """The log and its newest note, which was there before it was followed."""
        from ..evidence import proofs  # only when it is wanted

        noted = proofs.newest_note(self._storage)
        with self._log() as log:
            yield log, noted

    def _require_somebody(self) -> None:
        """Whoever calls is known, where callers are asked who they are. Raises ``PermissionDenied``."""
        if self._door is not None and self._door.is_nobody:
            self._door.require_known()

    def _require_known(self) -> None:
        """As :meth:`_require_somebody`, and of no model, so whoever is blocked is told that he is."""
        if self._door is not None:
            self._door.require_known()

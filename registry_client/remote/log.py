"""The verbs of the log over HTTP: raw lines come as they lie in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry_core import JournalLines, LogProof, VerbsOfLog

from .answers import strange
from .calls import call
from .connection import Connected


class Log(Connected):
    """Nothing here changes anything, so all of it is sent again after failures in passing."""

    log_proof = call(VerbsOfLog.log_proof, "GET", "/v1/log/proof")
    log_consistency = call(VerbsOfLog.log_consistency, "GET", "/v1/log/consistency")

    def log_checkpoint(self) -> str:
        """As ``ModelRegistry.log_checkpoint``; verified by nobody."""
        return self._text("/v1/log/checkpoint")

    def log_vkey(self) -> str:
        """As ``ModelRegistry.log_vkey``."""
        return self._text("/v1/log/vkey").removesuffix("\n")

    def prove_log(self, checkpoint: bytes, vkeys: Sequence[str]) -> LogProof:
        """As ``ModelRegistry.prove_log``: nothing of what the service says is believed without its proof."""
        from registry_core import log_extension, size_of_note  # only when it is wanted

        note = self.log_checkpoint()
        from_size, to_size = size_of_note(checkpoint, vkeys), size_of_note(note.encode(), vkeys, is_kept=False)
        proof = self.log_consistency(from_size, to_size).proof if from_size <= to_size else []
        return log_extension(checkpoint, note, proof, vkeys)

    def _text(self, path: str) -> str:
        try:
            return self.transport.call("GET", path).content.decode()
        except UnicodeDecodeError:
            raise strange(str, "it is no text") from None

    def journal_lines(
        self, task: str | None = None, model_name: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> JournalLines:
        """As ``ModelRegistry.journal_lines``."""
        query = {"task": task, "model": model_name, "after": after, "limit": limit}
        answer = self.transport.call("GET", "/v1/journal", query=query)
        *lines, rest = answer.content.split(b"\n")
        goes_on = "next" in answer.links
        if rest or len(lines) > limit or (goes_on and not lines):
            raise strange(JournalLines, "it is not whole lines, as many as were asked for")
        return JournalLines(after, lines, after + len(lines) if goes_on else None)


if TYPE_CHECKING:
    _: type[VerbsOfLog] = Log

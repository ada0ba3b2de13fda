"""What whoever kept a note and the line of its key can prove of a root, or of an export that is all he has."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from ...format.layout import CHECKPOINT, DOCUMENTS
from ...models.all_models import all_models
from ...models.proof import require_chain
from ...models.registry_journal import RegistryJournal, shown_note
from ...storage.contract import Storage
from ...vocabulary.evidence_errors import LogCorrupt
from ...vocabulary.log import LogProof
from ...vocabulary.texts import DIGEST_PREFIX, digest, printable
from .extension import newest, require_later, rewritten
from .index import LogIndex
from .log import Log
from .signed_note import Checkpoint, Verifier


def prove(storage: Storage, old: Checkpoint, verifiers: Sequence[Verifier]) -> LogProof:
    """Every line that the log has is the one that was signed, and the old note's tree is the beginning of it.

    Reads all lines of all journals, and no index. Raises ``LogCorrupt``, ``LogNotSet``, and ``JournalCorrupt`` for
    lines that break a chain, those too that no checkpoint covers yet.
    """
    warnings = list[str]()
    note = shown_note(storage)  # before the journals, which are never behind it
    with LogIndex(None) as nothing:
        log = Log(RegistryJournal(storage, 0.0), nothing)
        found = log.follow().checkpoint()
        log.require_begun()
        require_later(old, found)
        if log.root_at(old.size) != old.root:
            raise rewritten(old)
        if note is None:
            warnings.append(f"There is no {CHECKPOINT}: nothing here signs what came after the note that was kept.")
        else:
            said = newest(note, verifiers)
            require_later(said, found)
            if log.root_at(said.size) != said.root:
                raise rewritten(said)
    models = 0
    _require_named(storage, DOCUMENTS)
    for model in all_models(storage, 0.0):
        require_chain(model)
        _require_named(storage, model.keys.attestations)
        models += 1
    root = base64.b64encode(found.root).decode()
    return LogProof(found.origin, old.size, found.size, root, models, None if note is None else note.decode(), warnings)


def _require_named(storage: Storage, prefix: str) -> None:
    """Whatever lies there hashes to its name. Raises ``LogCorrupt``."""
    for entry in storage.documents.list(prefix, deep=True):
        named, where = DIGEST_PREFIX + entry.name.removesuffix(".json"), printable(entry.key)
        if entry.kind == "file" and digest(storage.documents.read(entry.key).data) != named:
            raise LogCorrupt(f"{where} is not the document of its name.", document=where)

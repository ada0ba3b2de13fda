"""What whoever kept a note and the line of its key can prove: that the log only grew since, whoever has the root now.

Of a service by two notes and a proof of consistency; of a root or an export by all lines, read anew.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from ..format.layout import CHECKPOINT
from ..models.all_models import all_models
from ..models.proof import require_chain
from ..models.registry_journal import RegistryJournal
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.errors import InvalidParameter
from ..vocabulary.evidence_errors import LogCorrupt
from ..vocabulary.log import LogProof
from . import log_tree, signed_note
from .log import Log
from .log_index import LogIndex
from .signed_note import Checkpoint, Verifier


def verifiers_of(vkeys: Sequence[str]) -> list[Verifier]:
    """The keys in their lines. Raises ``InvalidParameter``."""
    if not vkeys:
        raise InvalidParameter("Give the line of the log's key that you have kept.", field="vkey")
    try:
        return [signed_note.parse_vkey(line) for line in vkeys]
    except ValueError as error:
        raise InvalidParameter(f"This is no line of a log's key: {error}.", field="vkey") from None


def kept(data: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
    """What the note says that was kept. Raises ``InvalidParameter`` where it proves nothing."""
    try:
        return signed_note.signed_checkpoint(data, verifiers)
    except ValueError as error:
        raise InvalidParameter(f"The note that was kept proves nothing: {error}.", field="checkpoint") from None


def newest(data: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
    """What the log's own note says. Raises ``LogCorrupt`` where no key that was given has signed it."""
    try:
        return signed_note.signed_checkpoint(data, verifiers)
    except ValueError as error:
        raise LogCorrupt(
            f"The log's newest note cannot be believed: {error}. Where the key was rotated, a note was signed by both: "
            "only whoever has seen that one goes on with the new key's line."
        ) from None


def require_extended(old: Checkpoint, new: Checkpoint, proof: Sequence[str]) -> None:
    """The new tree begins with the old one, as the proof of a service shows. Raises ``LogCorrupt``."""
    _require_later(old, new)
    try:
        hashes = [base64.b64decode(text, validate=True) for text in proof]
    except (binascii.Error, ValueError):
        hashes = [b""]
    if not log_tree.extends(old.size, new.size, hashes, old.root, new.root):
        raise _rewritten(old)


def prove(storage: Storage, old: Checkpoint, verifiers: Sequence[Verifier]) -> LogProof:
    """Every line that the log has is the one that was signed, and the old note's tree is the beginning of it.

    Reads all lines of all journals, and no index. Raises ``LogCorrupt``, ``LogNotSet``, and ``JournalCorrupt`` for
    lines that break a chain, those too that no checkpoint covers yet.
    """
    warnings = list[str]()
    try:
        note = storage.documents.read(CHECKPOINT).data  # before the journals, which are never behind it
    except KeyNotFound:
        note = None
    with LogIndex(None) as nothing:
        log = Log(RegistryJournal(storage, 0.0), nothing)
        found = log.follow().checkpoint()
        log.require_begun()
        _require_later(old, found)
        if log.root_at(old.size) != old.root:
            raise _rewritten(old)
        if note is None:
            warnings.append(f"There is no {CHECKPOINT}: nothing here signs what came after the note that was kept.")
        else:
            said = newest(note, verifiers)
            _require_later(said, found)
            if log.root_at(said.size) != said.root:
                raise _rewritten(said)
    models = 0
    for model in all_models(storage, 0.0):
        require_chain(model)
        models += 1
    root = base64.b64encode(found.root).decode()
    return LogProof(found.origin, old.size, found.size, root, models, None if note is None else note.decode(), warnings)


def _require_later(old: Checkpoint, new: Checkpoint) -> None:
    if old.origin != new.origin:
        raise LogCorrupt(
            f"The log is {new.origin!r}, and the note is of {old.origin!r}: it is another log, or it was begun anew. "
            "Nothing proves that it goes on from that note.",
            origin=new.origin,
        )
    if new.size < old.size:
        raise LogCorrupt(
            f"The log has {new.size} lines, and had {old.size} when the note was signed: its end was cut off, or an "
            "older copy stands in its place.",
            size=new.size,
        )


def _rewritten(old: Checkpoint) -> LogCorrupt:
    return LogCorrupt(
        f"The first {old.size} lines of the log are not those that the note of that size was signed for: one of them "
        "was changed, moved, put in or taken out since. Compare the journals with a backup.",
        size=old.size,
    )

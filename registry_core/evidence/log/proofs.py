"""What a service gives of its log: proofs in the tree of the newest note, to be held against it."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from ...format.layout import CHECKPOINT
from ...models.registry_journal import shown_note
from ...storage.contract import Storage
from ...vocabulary.errors import InvalidParameter
from ...vocabulary.evidence_errors import LogCorrupt, LogNotSet, NotInLog
from ...vocabulary.log import ConsistencyProof, InclusionProof
from . import signed_note
from . import tree as log_tree
from .checkpoints import OWN, Name, not_as_covered
from .log import Log
from .signed_note import Checkpoint


@dataclass(frozen=True)
class Noted:
    """A note as it lies there, and what it says."""

    text: str
    tree: Checkpoint


def newest_note(storage: Storage) -> Noted:
    """The note as it lies there, and what it says, verified by nobody. Raises ``LogNotSet``, ``LogCorrupt``."""
    data = shown_note(storage)
    if data is None:
        raise LogNotSet(
            "No checkpoint was published here yet. 'omr log init' begins a log, 'omr log publish' covers it."
        )
    try:
        note = signed_note.parse(data)
        return Noted(data.decode(), signed_note.checkpoint_of(note))
    except ValueError as error:
        raise LogCorrupt(f"{CHECKPOINT} is no signed note: {error}. 'omr log publish' writes it anew.") from None


def inclusion(log: Log, name: Name, seq: int, note: Noted) -> InclusionProof:
    """What proves that the line is in the note's tree. Raises ``NotInLog``, ``LogCorrupt``."""
    tree = note.tree
    _require_followed(log, tree)
    leaf = log.index.leaf(name, seq) if seq < 1 << 53 else None
    line = log.subject(name).journal.line(seq) if leaf is not None else None
    if leaf is None or line is None or leaf >= tree.size:
        raise NotInLog(f"The newest checkpoint does not cover line {seq} of it.", seq=seq, size=tree.size)
    proof = log_tree.inclusion_proof(leaf, tree.size, log.index.node)
    if not log_tree.includes(leaf, tree.size, log_tree.leaf_hash(line.raw), proof, tree.root):
        raise not_as_covered(name, seq, "it is not the line that was covered")
    task, model_name = name if name != OWN else (None, None)
    return InclusionProof(
        task, model_name, seq, leaf, tree.size, _text(line.raw), [_text(one) for one in proof], note.text
    )


def consistency(log: Log, from_size: int, to_size: int | None, note: Noted) -> ConsistencyProof:
    """What proves that the log only grew. Raises ``InvalidParameter``, ``LogCorrupt``."""
    tree = note.tree
    _require_followed(log, tree)
    size = tree.size if to_size is None else to_size
    for field, value, least, most in (("to", size, 0, tree.size), ("from", from_size, 0, size)):
        if not least <= value <= most:
            raise InvalidParameter(
                f"The newest checkpoint has {tree.size} lines: from and to are at most that, from no larger than to.",
                field=field,
            )
    proof = log_tree.consistency_proof(from_size, size, log.index.node)
    return ConsistencyProof(from_size, size, [_text(one) for one in proof], note.text)


def _require_followed(log: Log, tree: Checkpoint) -> None:
    said = log.require_begun()
    if tree.origin != said.origin or tree.size > said.size or log.root_at(tree.size) != tree.root:
        raise LogCorrupt(
            f"{CHECKPOINT} says {tree.size} lines of {tree.origin!r}, and the journals do not: one of the two is an "
            "older copy, or was changed.",
            size=tree.size,
        )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()

"""Whether a log goes on from a note that was kept: by its newest note and a proof of hashes, or by its whole tree."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from ...vocabulary.errors import InvalidParameter
from ...vocabulary.evidence_errors import LogCorrupt
from ...vocabulary.log import LogProof
from . import signed_note
from . import tree as log_tree
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
    require_later(old, new)
    try:
        hashes = [base64.b64decode(text, validate=True) for text in proof]
    except (binascii.Error, ValueError):
        hashes = [b""]
    if not log_tree.extends(old.size, new.size, hashes, old.root, new.root):
        raise rewritten(old)


def log_extension(old: bytes, new: str, proof: Sequence[str], vkeys: Sequence[str]) -> LogProof:
    """That the newest note of a service goes on from the one that was kept. Raises as :func:`require_extended`."""
    verifiers = verifiers_of(vkeys)
    before, said = kept(old, verifiers), newest(new.encode(), verifiers)
    require_extended(before, said, proof)
    return LogProof(said.origin, before.size, said.size, base64.b64encode(said.root).decode(), None, new)


def size_of_note(note: bytes, vkeys: Sequence[str], *, is_kept: bool = True) -> int:
    """How many lines the note covers, which one of the keys has signed. Raises as :func:`kept` or :func:`newest`."""
    return (kept if is_kept else newest)(note, verifiers_of(vkeys)).size


def require_later(old: Checkpoint, new: Checkpoint) -> None:
    """It is the same log, and no shorter. Raises ``LogCorrupt``."""
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


def rewritten(old: Checkpoint) -> LogCorrupt:
    """The failure of a log that begins otherwise."""
    return LogCorrupt(
        f"The first {old.size} lines of the log are not those that the note of that size was signed for: one of them "
        "was changed, moved, put in or taken out since. Compare the journals with a backup.",
        size=old.size,
    )

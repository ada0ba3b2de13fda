"""How rules come to hold, and cease to: each set of them is one event of the registry's own journal."""

from __future__ import annotations

from dataclasses import dataclass

from ..format.encoding import digest
from ..format.events import ACCESS
from ..models.changes import Committed, Draft, change
from ..models.registry_journal import RegistryJournal, document_key
from ..storage.contract import KeyNotFound
from ..vocabulary.errors import AccessMoved, PackageCorrupt
from ..vocabulary.texts import check_words
from . import document
from .in_force import Said, said
from .who import TO_TRY


@dataclass(frozen=True)
class Change:
    """``seq``: the event that records it. ``digest``: of the access document."""

    seq: int
    digest: str


@dataclass(frozen=True)
class _SeenDocument:
    said: Said
    is_there: bool


def set_document(
    journal: RegistryJournal, data: bytes, *, expected_seq: int | None, actor: str | None, reason: str | None
) -> Change:
    """The document's rules hold, and no others. Nothing is written where they hold already.

    ``expected_seq``: the event of the document that is to be replaced, 0 for none; None: whichever it is. What is to be
    replaced need not be readable. Raises ``InvalidParameter``, ``AccessMoved``, ``AccessUnreadable``,
    ``JournalCorrupt``, ``StorageError``.
    """
    check_words(actor, reason)
    document.parse(data, TO_TRY)
    named = digest(data)
    key = document_key(named)

    def look() -> _SeenDocument:
        return _SeenDocument(said(journal), _is_there(journal, key, data))

    def decide(seen: _SeenDocument) -> Draft | Change:
        now = seen.said
        if expected_seq is not None and expected_seq != now.document_seq:
            raise AccessMoved(
                f"The access document is of event {now.document_seq}, but the request expects that of event "
                f"{expected_seq}. Look at it again before replacing it.",
                expected_seq=expected_seq,
                actual_seq=now.document_seq,
            )
        if now.document == named and seen.is_there:
            return Change(now.document_seq, named)
        # One that is there may be an earlier event's too, and would be gone if this event came to nothing.
        beside = {} if seen.is_there else {key: data}
        return Draft(ACCESS, None, actor, reason, own={"document": named}, beside=beside)

    done = change(journal, look, decide)
    return Change(done.event["seq"], named) if isinstance(done, Committed) else done


def _is_there(journal: RegistryJournal, key: str, data: bytes) -> bool:
    try:
        return journal.storage.documents.read(key).data == data
    except (KeyNotFound, PackageCorrupt):
        return False

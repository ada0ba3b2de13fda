"""What is in force now: the rules that the registry's own journal names, proven by their digest.

What cannot be told is never guessed: whoever asks is refused with ``access_unreadable``, and the older rules do not
count meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..format.chain import Line, chain, lost_range
from ..format.encoding import digest
from ..format.events import ACCESS, TOKEN
from ..format.layout import REGISTRY, REGISTRY_JOURNAL
from ..models.registry_journal import RegistryJournal, document_key, is_ruled
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.errors import AccessUnreadable, InvalidParameter, RegistryError
from . import document
from .document import AccessDocument
from .who import Issuers


@dataclass(frozen=True)
class Said:
    """What the journal says. ``seq``: its last event, 0 if there is none.

    ``document``: the digest of the access document, from event ``document_seq``; None if there never was one.
    ``is_ruled``: there are rules of access.
    ``is_lost``: events are lost that may have blocked somebody or revoked something, and no document was set since.
    """

    seq: int
    document: str | None
    document_seq: int
    is_ruled: bool
    is_lost: bool = False


@dataclass(frozen=True)
class InForce:
    """The rules that hold, what the journal says of them, and the document's own bytes if there is one."""

    said: Said
    rules: AccessDocument
    data: bytes | None


def said(journal: RegistryJournal) -> Said:
    """What the journal says, its chain proven. Raises ``AccessUnreadable``."""
    try:
        try:
            return _replay(journal, journal.journal.lines())
        except AccessUnreadable:  # what this process remembers of the journal may be from before a repair
            return _replay(journal, journal.journal.read_anew())
    except AccessUnreadable:
        raise
    except RegistryError as error:
        raise _unreadable(f"the registry's own journal cannot be read: {error.message}") from error


def _replay(journal: RegistryJournal, lines: Iterable[Line]) -> Said:
    rules, seq = None, 0
    has_ruled = is_lost = False
    for link in chain(lines):
        line, seq = link.line, link.line.seq
        if link.faults:
            raise _unreadable(f"{REGISTRY_JOURNAL} is not what was written: event {seq}: {link.faults[0]}")
        if lost_range(line) is not None:
            rules, is_lost, has_ruled = None, True, True
        elif line.get("event") == ACCESS:
            rules, is_lost, has_ruled = line, False, True
        elif line.get("event") == TOKEN:
            has_ruled = True
    if not has_ruled and is_ruled(journal.storage):
        raise _unreadable(f"{REGISTRY} says that there are rules, and {REGISTRY_JOURNAL} has none")
    named = None if rules is None else rules.get("document")
    if rules is not None and not isinstance(named, str):
        raise _unreadable(f"event {rules.seq} of {REGISTRY_JOURNAL} names no document")
    return Said(seq, named, rules.seq if rules is not None else 0, has_ruled, is_lost)


def read(journal: RegistryJournal, issuers: Issuers) -> InForce:
    """What is in force. Raises ``AccessUnreadable`` where a document is missing, damaged, or of later software."""
    found = said(journal)
    if found.is_lost:
        raise _unreadable(f"events of {REGISTRY_JOURNAL} are lost, and no access document was set since")
    if found.document is None:
        return InForce(found, document.default_rules(issuers), None)
    data = document_of(journal.storage, found.document)
    try:
        return InForce(found, document.parse(data, issuers), data)
    except InvalidParameter as error:
        raise _unreadable(f"this version does not understand the access document: {error.message}") from error


def document_of(storage: Storage, named: str) -> bytes:
    """The bytes of the document that an event names. Raises ``AccessUnreadable``."""
    try:
        key = document_key(named)
        data = storage.documents.read(key).data
    except ValueError:
        raise _unreadable("an event names an access document by something that is no digest") from None
    except KeyNotFound:
        raise _unreadable(f"{key} is missing, and an event names it") from None
    except RegistryError as error:
        raise _unreadable(f"{key} cannot be read: {error.message}") from error
    if digest(data) != named:
        raise _unreadable(f"{key} is damaged: it is not what its event names")
    return data


def _unreadable(why: str) -> AccessUnreadable:
    return AccessUnreadable(
        f"Who may do what cannot be told: {why}. Until an operator has mended that, with 'omr --root', nobody else may "
        "do anything.",
        retry_after_s=5,
    )

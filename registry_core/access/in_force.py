"""What is in force now: the rules and tokens that the registry's own journal names, each proven by its digest.

What cannot be told is never guessed: whoever asks is refused with ``access_unreadable``, and the older rules do not
count meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..format.chain import Line, lost_range
from ..format.events import ACCESS, TOKEN
from ..format.layout import REGISTRY_JOURNAL, token
from ..models.named_documents import document_of
from ..models.proven import Unproven, proven
from ..models.registry_journal import RULES, RegistryJournal, marks_of
from ..models.timeline import happened
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.errors import AccessUnreadable, InvalidParameter, PackageCorrupt, RegistryError
from ..vocabulary.texts import digest
from . import document, tokens
from .document import AccessDocument
from .tokens import TokenDocument
from .who import Issuers


@dataclass(frozen=True)
class Said:
    """What the journal says. ``seq``: its last event, 0 if there is none.

    ``document``: the digest of the access document, from event ``document_seq``; None if there never was one.
    ``tokens``: id -> the event that made it, of those that were not revoked. ``is_ruled``: there are rules of access.
    ``is_lost``: events are lost that may have blocked somebody or revoked something, and no document was set since.
    """

    seq: int
    document: str | None
    document_seq: int
    tokens: Mapping[str, Line]
    is_ruled: bool
    is_lost: bool = False


@dataclass(frozen=True)
class InForce:
    """The rules that hold, what the journal says of them, and the document's own bytes if there is one."""

    said: Said
    rules: AccessDocument
    data: bytes | None


def said(journal: RegistryJournal, until: datetime | None = None) -> Said:
    """What the journal says, or said at that moment, its chain proven. Raises ``AccessUnreadable``."""
    try:
        try:
            return _replay(journal, journal.journal.lines(), until)
        except Unproven:  # what this process remembers of the journal may be from before a repair
            return _replay(journal, journal.journal.read_anew(), until)
    except Unproven as why:
        raise unreadable(str(why)) from None
    except RegistryError as error:
        raise unreadable(f"the registry's own journal cannot be read: {error.message}") from error


def _replay(journal: RegistryJournal, lines: Iterable[Line], until: datetime | None) -> Said:
    rules, made, seq = None, dict[str, Line](), 0
    has_ruled = is_lost = False
    found = proven(journal, lines)
    for line in found if until is None else happened(found, until):
        seq = line.seq
        if lost_range(line) is not None:
            rules, made, is_lost = None, {}, True
        elif line.get("event") == ACCESS:
            rules, is_lost = line, False
        elif line.get("event") == TOKEN:
            _keep(made, line)
        has_ruled = has_ruled or RULES in marks_of(line)
    named = None if rules is None else rules.get("document")
    if rules is not None and not isinstance(named, str):
        raise Unproven(f"event {rules.seq} of {REGISTRY_JOURNAL} names no document")
    return Said(seq, named, rules.seq if rules is not None else 0, made, has_ruled, is_lost)


def _keep(made: dict[str, Line], line: Line) -> None:
    said = line.get("token")
    token_id = said.get("id") if isinstance(said, dict) else None
    if not isinstance(token_id, str) or said.get("revoked") is not None or not isinstance(said.get("digest"), str):
        made.pop(str(token_id), None)
    else:
        made[token_id] = line


def read(journal: RegistryJournal, issuers: Issuers, until: datetime | None = None) -> InForce:
    """What is in force, or was at that moment.

    Raises ``AccessUnreadable`` where a document is missing, damaged, or of later software.
    """
    found = said(journal, until)
    if found.is_lost:
        raise unreadable(f"events of {REGISTRY_JOURNAL} are lost, and no access document was set since")
    if found.document is None:
        return InForce(found, document.default_rules(issuers), None)
    try:
        data = document_of(journal.storage, found.document)
    except Unproven as why:
        raise unreadable(str(why)) from None
    except RegistryError as error:
        raise unreadable(f"the access document cannot be read: {error.message}") from error
    try:
        return InForce(found, document.parse(data, issuers), data)
    except InvalidParameter as error:
        raise unreadable(f"this version does not understand the access document: {error.message}") from error


def token_document(storage: Storage, said: Said, token_id: str) -> TokenDocument | None:
    """What is kept of a token that counts as the journal says; None of one that does not, or that is not what it was.

    Raises ``AccessUnreadable`` where the storage cannot tell.
    """
    line = said.tokens.get(token_id)
    if line is None or not tokens.is_id(token_id):
        return None
    try:
        data = storage.documents.read(token(token_id)).data
    except (KeyNotFound, PackageCorrupt):
        return None
    except RegistryError as error:
        raise unreadable(f"what is kept of token {token_id} cannot be read: {error.message}") from error
    named: Any = line.get("token")
    if digest(data) != named["digest"]:
        return None
    try:
        found = tokens.parse(data)
    except ValueError:
        return None
    return found if found.id == token_id else None


def unreadable(why: str) -> AccessUnreadable:
    """The refusal where it cannot be told who may do what."""
    return AccessUnreadable(
        f"Who may do what cannot be told: {why}. Until an operator has mended that, nobody else may do anything: a "
        "backup of log/ does and, where its journal is whole, 'omr --root ROOT access set'.",
        retry_after_s=5,
    )

"""Whose a model is: what its events say, and ``ownership.json``, which follows them.

The document has the form in which older software wrote it. One without ``seq`` is older software's, or stands for the
first run of a model that has no version yet; it counts where no event names an owner.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ..format.chain import Line
from ..storage.contract import ABSENT, KeyNotFound, PreconditionFailed, Storage
from ..vocabulary.errors import PackageCorrupt
from ..vocabulary.owners import LEGACY_UNOWNED, NOT_THERE, UNOWNED, Ownership, Status, owned_by
from ..vocabulary.texts import encode_document, escaped, format_time, is_segment, parse_object
from .journal import OWNED, OWNER
from .model import ModelStore
from .ownership import after, document, understood
from .projections import Fields, seq_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """Whose the model is, and the event that says so; None where none does."""

    ownership: Ownership
    seq: int | None = None


def named(storage: Storage, task: str, model_name: str) -> Ownership:
    """As :func:`read`, of any names; those that can be no model's are nobody's."""
    if not (is_segment(task) and is_segment(model_name)):
        return NOT_THERE
    return read(ModelStore(storage, task, model_name, 0.0))


def read(model: ModelStore) -> Ownership:
    """Whose the model is; where nobody can tell any more, as of older software's that nobody has resolved.

    Raises ``StorageError``.
    """
    return look(model).ownership


def look(model: ModelStore) -> Seen:
    """As :func:`read`, with the event that says so."""
    fields = stored(model)
    said, seq = understood(model.keys, fields) if fields else None, seq_of(fields)
    if said is not None and seq is not None:
        model.noticed.show(model.keys.ownership, seq)
        last = model.journal.last() if model.storage.documents.looks_are_cheap() else None
        if last is not None and last.seq > seq and _names_owner(model, last):  # left by a crash, or under way
            return Seen(after(last), last.seq)
        return Seen(said, seq)
    if fields == {} and not model.exists():  # before the journal, which says whose it is as soon as it is there
        return Seen(NOT_THERE)
    line = _named_by(model, is_whole=fields == {} or said is not None)
    if line is not None:
        if fields is None or (not fields and model.journal.reaches(line.seq + 1)):
            _tell(model, "is gone" if fields == {} else "is damaged", "the journal says whose it is")
        return Seen(after(line), line.seq)
    return Seen(_without_event(model, fields))


def by_document(model: ModelStore) -> Ownership:
    """Whose a model is that is there, and of which no event names an owner. Raises ``StorageError``."""
    return _without_event(model, stored(model))


def _without_event(model: ModelStore, fields: Fields | None) -> Ownership:
    if fields == {}:
        return UNOWNED
    said = understood(model.keys, fields) if fields else None
    if said is None:
        _tell(model, "cannot be understood", "only admins may see the model")
    return said or LEGACY_UNOWNED


def stored(model: ModelStore) -> Fields | None:
    """What the document says; empty if there is none, None if it cannot be read."""
    try:
        return parse_object(model.storage.documents.read(model.keys.ownership).data) or None
    except KeyNotFound:
        return {}
    except PackageCorrupt:  # no file
        return None


def _named_by(model: ModelStore, *, is_whole: bool) -> Line | None:
    """The last event that names an owner.

    On a store over a network that is a walk: where nothing is damaged, the first event alone is asked, which made the
    model. Then a later one is missed only while its change is unfinished, or where somebody has removed its document.
    """
    if is_whole and not model.storage.documents.looks_are_cheap():
        first = model.journal.line(1)
        if first is None or not _names_owner(model, first):
            return None
    return next((line for line in model.journal.named(OWNED, OWNER) if line.is_of(model.keys.names)), None)


def _names_owner(model: ModelStore, line: Line) -> bool:
    return line.is_own and line.is_of(model.keys.names) and OWNER in (line.fields or {})


def _tell(model: ModelStore, is_so: str, so: str) -> None:
    log.error("%s: ownership.json %s; %s", escaped(model.title), is_so, so)


def to_record(model: ModelStore) -> str | None:
    """Whom a register names as the owner: whose first of a model's it is, if that has an organization.

    Call with the model held. A model that is there already is nobody's to take by a register.
    """
    org = _org_of(model)
    if org is None:
        return None
    seen = look(model)
    is_free = seen.ownership.status is Status.NOT_THERE or seen.ownership == owned_by(org)
    return org if is_free and seen.seq is None else None


def take(model: ModelStore) -> bool:
    """A name that no model has is the caller's organization's, if it has one, from its first run on.

    True: somebody may have made it another's since it was asked whether the caller may, so that is to be asked again.
    Raises ``LockTimeout``, ``StorageError``.
    """
    org = _org_of(model)
    if org is None:
        return False
    now = read(model)
    if now.status is not Status.NOT_THERE:
        return now != owned_by(org)
    with model.lock():  # no register comes in between, where the storage has locks
        if read(model).status is Status.NOT_THERE:
            assert model.by is not None
            said = document(model.keys, org, model.by.name, format_time(datetime.now(UTC)))
            with suppress(PreconditionFailed):  # somebody was faster
                model.storage.documents.write(model.keys.ownership, encode_document(said), ABSENT)
    return True


def _org_of(model: ModelStore) -> str | None:
    """The organization of whoever makes changes."""
    return model.by.principal.get("org") if model.by is not None else None

"""What is wrong with a log and with its note: all of it read anew, and held against what the signer has kept."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...format.events import CHECKPOINT
from ...format.layout import CHECKPOINT as NOTE
from ...format.layout import REGISTRY_JOURNAL
from ...models.registry_journal import RegistryJournal, shown_note
from ...storage.contract import Storage
from ...vocabulary.errors import NotConfigured, RegistryError
from ...vocabulary.evidence_errors import LogBehind, LogCorrupt
from ...vocabulary.reports import Finding
from . import signed_note
from .checkpoints import Said
from .index import LogIndex
from .key import LogKey
from .log import Log

PUBLISH = "omr log publish"
PUBLISHING_S = 0.5  # between a checkpoint and its note


def check(storage: Storage, key: LogKey | None = None) -> list[Finding]:
    """Whether the journals are those that were covered, and the note is that of the last checkpoint; writes nothing.

    With the ``key`` also whether it is the log that was signed last. Nothing where there is no log.
    """
    try:
        return list(_check(storage, key))
    except LogCorrupt as error:
        message = f"it is not what the log has covered: {error.detail['fault']}"
        return [Finding("damage", _where(error), message, "log_corrupt")]
    except RegistryError as error:
        return [Finding("damage", "the log", f"cannot be read: {error.message}", "unreadable")]


def _check(storage: Storage, key: LogKey | None) -> Iterator[Finding]:
    last, shown = _last(key), shown_note(storage)  # before the journals, which are never behind them
    own = RegistryJournal(storage, 0.0)
    if not any(line.get("event") == CHECKPOINT for line in own.journal.read_anew()):
        return
    with LogIndex(None) as nothing:
        log = Log(own, nothing)
        said = log.follow()
        if said.tree_seq and not _is_note_of(said, shown):
            time.sleep(PUBLISHING_S)
            if shown_note(storage) == shown:  # nobody is publishing
                yield _of_note(log, shown)
        if key is not None:
            try:
                key.require_not_ahead(log, last)
            except LogBehind as error:
                yield Finding("damage", "the log", error.message, "log_behind")


def _last(key: LogKey | None) -> signed_note.Checkpoint | None:
    try:
        return None if key is None else key.last()
    except NotConfigured:
        return None  # whoever checks is not whoever signs


def _where(error: LogCorrupt) -> str:
    task, model_name, seq = (error.detail.get(name) for name in ("task", "model_name", "seq"))
    return f"{task}/{model_name} line {seq}" if task else f"{REGISTRY_JOURNAL} event {seq}"


def _is_note_of(said: Said, data: bytes | None) -> bool:
    """Whether the note is of the last tree, and signed by the log's key, where there is what tells that.

    While the key is changed that may be the one before.
    """
    try:
        note = signed_note.parse(data or b"")
        return note.text == said.checkpoint().text and any(note.is_signed_by(one) for one in said.verifiers)
    except ValueError:
        return False
    except NotConfigured:
        return True


def _of_note(log: Log, data: bytes | None) -> Finding:
    said, lost = log.said, log.said.lost
    if data is None:
        return Finding("pending", NOTE, "the log's note is missing", "note_missing", PUBLISH)
    try:
        note = signed_note.checkpoint_of(signed_note.parse(data))
    except ValueError as error:
        return Finding("damage", NOTE, f"it is no signed note: {error}", "note_damaged", PUBLISH)
    is_ours = note.origin == said.origin and note.size <= said.size and log.root_at(note.size) == note.root
    if is_ours and note.size == said.size:
        return Finding("damage", NOTE, "it is not signed with the log's key", "note_damaged", PUBLISH)
    if is_ours or (lost is not None and note.origin == lost.origin):
        message = f"it is of {note.size} lines of {note.origin}, and {said.size} of {said.origin} are covered"
        return Finding("pending", NOTE, message, "note_behind", PUBLISH)
    message = f"it is of {note.size} lines of {note.origin}, and the journals are not: one of the two is an older copy"
    return Finding("damage", NOTE, message, "note_differs")

"""Checkpoints published: lines that are durable are covered by an event, and the log's note says so.

Nobody leads: whoever appends first has covered them, and the others look again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...format.chain import Line
from ...format.events import CHECKPOINT
from ...format.layout import CHECKPOINT as NOTE
from ...models.changes import Draft, change
from ...models.model import ModelStore
from ...models.registry_journal import shown_note
from ...storage.contract import ABSENT, KeyNotFound, Match, PreconditionFailed
from ...vocabulary.errors import InvalidParameter, LockTimeout, NotConfigured
from ...vocabulary.texts import check_words, digest, encode
from .. import keys
from . import signed_note
from .checkpoints import (
    INIT,
    OWN,
    RESTART,
    ROTATE,
    Cover,
    Name,
    can_be_said,
    in_events,
    not_as_covered,
    says_key,
    says_tree,
)
from .key import LogKey
from .log import Leaves, Log
from .signed_note import Checkpoint, Note

_MOVED = "moved"


@dataclass(frozen=True)
class By:
    """Whose the event is, and why it was made, in words that can stand there. Raises ``InvalidParameter``."""

    actor: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        check_words(self.actor, self.reason)


def init(log: Log, key: LogKey, origin: str, by: By) -> int:
    """A log is begun by an event, whose number it is; its key is made where the file is not there.

    Raises ``InvalidParameter``, also where there is a log already; ``LogBehind`` where one was signed with this key,
    and its beginning is lost; ``NotConfigured``, ``StorageError``.
    """
    _check_origin(origin)
    last = key.last()
    if log.follow().origin is not None:
        raise InvalidParameter(f"The registry has a log already, {log.said.origin!r}.", field="origin")
    key.require_not_ahead(log, last)
    return _say(log, says_key(INIT, key.named(origin, key.make()[0])), by, lambda: log.said.origin is None)


def restart(log: Log, key: LogKey, origin: str, by: By) -> int:
    """Another log is begun by an event that says which one was lost. Raises as :func:`init`, ``LogNotSet``."""
    _check_origin(origin)
    if not (by.reason or "").strip():
        raise InvalidParameter("Say why: outsiders will ask what became of the log before.", field="reason")
    said, last = log.follow(), key.last()
    lost = last or log.require_begun().checkpoint()
    if origin in (lost.origin, said.origin):
        raise InvalidParameter("Another log needs another name than the one that was lost.", field="origin")
    more = says_key(RESTART, key.named(origin, key.make()[0]), lost)
    return _say(log, more, by, lambda: log.said.seq == said.seq)


def rotate(log: Log, key: LogKey, by: By) -> int:
    """The log has a new key by an event, and the note that covers it is signed by both. Raises as :func:`publish`."""
    publish(log, key, by)  # first the note of a rotation that was not finished: only both keys lead on from the old one
    with key.alone():
        log.follow()
        if len(log.said.next_verifiers) > 1:
            raise _overtaken()
        ours, origin = log.said.verifiers[0], log.require_begun().origin or ""
        signer = key.signers([ours])[0][1]
        new = next((one for one in key.read() if key.named(origin, one) not in log.said.verifiers), None)
        if new is None:
            new = keys.new_ed25519()
            key.write([signer, new])  # before its event: whoever dies here has lost nothing
        before = log.said.seq
        seq = _say(log, says_key(ROTATE, key.named(origin, new)), by, lambda: log.said.seq == before)
    publish(log, key, by)
    return seq


def publish(log: Log, key: LogKey, by: By) -> tuple[Note | None, int]:
    """(the note of all that is covered now, how many events that took). Nothing is made where nothing is new.

    Raises ``LogNotSet``, ``LogCorrupt``, ``LogBehind``, ``NotConfigured``, ``StorageError``.
    """
    last = key.last()
    log.follow()
    key.signers(log.require_begun().next_verifiers)
    key.require_not_ahead(log, last)
    made, deadline = 0, time.monotonic() + log.own.lock_timeout_s
    while True:
        new = dict(_new_lines(log))
        if not new and not _is_anything_said(log):
            break
        for part in in_events(new, 200 + len(encode({"said": [by.actor, by.reason]}))):
            if len(log.said.verifiers) > 1:
                _show(log, key)  # the next tree is signed by the new key alone
            if not _append(log, part, new, by):
                break
            made += 1
            log.follow(new)
        else:
            break
        if time.monotonic() >= deadline:
            raise LockTimeout("Others kept publishing first. Nothing was lost; try again.", retry_after_s=2)
        log.follow()
    return _show(log, key), made


def _check_origin(origin: str) -> None:
    try:
        signed_note.check_name(origin)
    except ValueError as error:
        raise InvalidParameter(
            f"An origin names the log, such as models.lab.example: {error}.", field="origin"
        ) from None


def _say(log: Log, fields: dict[str, Any], by: By, is_still: Callable[[], bool]) -> int:
    """The event is made, unless the log has moved since it was looked at."""

    def decide(_: object) -> Draft | str:
        log.follow()
        return _draft(fields, by) if is_still() else _MOVED

    done = change(log.own, lambda: None, decide)
    if isinstance(done, str):
        raise _overtaken()
    log.follow()
    return int(done.event["seq"])


def _overtaken() -> LockTimeout:
    return LockTimeout("Somebody else has changed the log meanwhile. Nothing was changed; look again.", retry_after_s=1)


def _draft(fields: dict[str, Any], by: By) -> Draft:
    return Draft(CHECKPOINT, None, by.actor, by.reason, own={"checkpoint": fields})


def _new_lines(log: Log) -> Iterator[tuple[Cover, list[bytes]]]:
    """What no tree has yet, of every model, with the lines' hashes. Raises ``LogCorrupt``."""
    missing = set(log.said.covered) - {OWN} if log.only is None else set[Name]()
    for model in log.models():
        name = (model.keys.task, model.keys.model_name)
        missing.discard(name)
        if not can_be_said(*name):
            continue
        cover = _grown(log, model, *log.said.covered.get(name, (0, "")))
        if cover is not None:
            yield cover, log.leaves(cover)
    for name in sorted(missing):
        raise not_as_covered(name, 1, "the journal was covered, and the model is not there")


def _grown(log: Log, model: ModelStore, covered: int, covered_digest: str) -> Cover | None:
    name = (model.keys.task, model.keys.model_name)
    last = model.journal.last()
    seq = last.seq if last is not None else 0
    if seq <= covered:
        if seq < covered or (last is not None and digest(last.raw) != covered_digest):
            log.storage.documents.forget(model.keys.journal)
            log.require_still(name, covered, covered_digest)
        return None
    with model.lock():
        model.journal.sync(lambda: True)  # what a power cut can take back is not covered
        last = model.journal.last()
    return Cover(name, covered, last.seq, digest(last.raw)) if last is not None and last.seq > covered else None


def _is_anything_said(log: Log) -> bool:
    """Whether the registry's journal has more than trees that are covered by the last note's."""
    return log.said.seq > log.said.tree_seq


def _append(log: Log, part: list[Cover], leaves: Leaves, by: By) -> bool:
    """Whether the covers are in the journal; not where somebody else has covered anything first."""
    said = log.said

    def decide(_: object) -> Draft | str:
        lines = list(log.own.journal.links(log.own.names(), said.seq)) if said.seq else []
        new = [link.line for link in lines]
        if any(link.faults for link in lines) or any(_is_of_log(line) for line in new):
            return _MOVED
        if any(cover.after != said.covered.get(cover.name, (0, ""))[0] for cover in part):
            return _MOVED
        last_seq, last_digest = (new[-1].seq, digest(new[-1].raw)) if new else (said.seq, said.digest)
        own = Cover(OWN, said.covered.get(OWN, (0, ""))[0], last_seq, last_digest)
        frontier = log.frontier()
        for leaf in log.leaves(own):
            frontier.add(leaf)
        for cover in part:
            for leaf in leaves[cover]:
                frontier.add(leaf)
        return _draft(says_tree(frontier.size, frontier.root(), [own, *part]), by)

    return not isinstance(change(log.own, lambda: None, decide), str)


def _is_of_log(line: Line) -> bool:
    return bool(line.get("event") == CHECKPOINT)


def _show(log: Log, key: LogKey) -> Note | None:
    """The note of the last tree is kept by the signer, and then shown to everybody; whoever was first made it."""
    with key.alone():
        last, kept, shown = key.last(), key.last_note(), shown_note(log.storage)
        log.follow()
        key.require_not_ahead(log, last)
        data = _known(log, [kept])
        if data is None or data != shown:
            _settle(log)
            key.require_not_ahead(log, last)
            data = _known(log, [kept, shown]) or _signed(log, key)
            if data is None:
                return None
            key.keep(data)  # anew too where it seems to be: whoever wrote it may have died before it was durable
            _write(log, data)
        key.retire(log.said.verifiers[len(log.said.next_verifiers) :])
        return signed_note.parse(data)


def _settle(log: Log) -> None:
    """What is said of the log is durable, whoever wrote it: what a power cut can take back is not signed."""
    with log.own.lock():
        log.own.journal.sync(lambda: True)
        log.follow()


def _signed(log: Log, key: LogKey) -> bytes | None:
    """The note of the last tree; None where there is none. By its first key alone where the other is gone already."""
    if not log.said.tree_seq:
        return None
    try:
        signers = key.signers(log.said.verifiers)
    except NotConfigured:
        signers = key.signers(log.said.verifiers[:1])
    return bytes(signed_note.sign(log.said.checkpoint().text, signers))


def _known(log: Log, notes: Sequence[bytes | None]) -> bytes | None:
    """The one of the notes that is of the last tree, signed by all whose it is."""
    for data in notes:
        with suppress(ValueError):
            note = signed_note.parse(data or b"")
            if note.text == log.said.checkpoint().text and all(note.is_signed_by(one) for one in log.said.verifiers):
                return data
    return None


def _write(log: Log, data: bytes) -> None:
    """``log/checkpoint`` is the note, if it is not a later one already. Repeatable."""
    documents, said = log.storage.documents, log.said
    for _ in range(20):
        try:
            found = documents.read(NOTE)
        except KeyNotFound:
            found = None
        if found is not None and (found.data == data or _is_later(log, found.data, said.checkpoint())):
            return
        try:
            documents.write(NOTE, data, ABSENT if found is None else Match(found.etag))
            return
        except PreconditionFailed:
            continue


def _is_later(log: Log, data: bytes, said: Checkpoint) -> bool:
    try:
        shown = signed_note.signed_checkpoint(data, log.said.verifiers)
    except ValueError:
        return False
    return shown.origin == said.origin and shown.size > said.size

"""Upkeep of what is of the registry itself: its journal compared with what it names, finished, and copied."""

from __future__ import annotations

from collections.abc import Iterator

from ..format.chain import Line, chain
from ..format.events import ACCESS, POLICY, TOKEN, TRUST
from ..format.layout import REGISTRY, REGISTRY_JOURNAL, is_private, token
from ..models.changes import finish_pending, pending
from ..models.proof import events_ahead
from ..models.registry_journal import NOTED, TITLE, RegistryJournal, document_key, made_by, marks_of, said_of_root, say
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.errors import DestinationDiffers, PackageCorrupt, RegistryError
from ..vocabulary.reports import Finding
from ..vocabulary.texts import digest, printable

MAX_LOOKS = 20  # at a journal that never comes to rest


def check(storage: Storage) -> list[Finding]:
    """What is wrong with the registry's own journal and what it names, while nobody changes it. Writes nothing."""
    journal = RegistryJournal(storage, 0.0)
    for _ in range(MAX_LOOKS):
        try:
            before = journal.journal.last()
            findings = list(_compare(journal))
            if findings and journal.journal.last() != before:
                continue
        except RegistryError as error:
            findings = [Finding("damage", TITLE, f"cannot be read: {error.message}", "unreadable")]
        return findings
    return findings


def _compare(journal: RegistryJournal) -> Iterator[Finding]:
    storage = journal.storage
    steps = pending(journal)
    for step in steps:
        yield Finding("pending", TITLE, f"{step}; the next change to it finishes it", "unfinished", "omr sweep")
    noted, lines = journal.noted(), list[Line]()
    for link in chain(journal.journal.read_anew(), journal.names()):
        lines.append(link.line)
        for fault in link.faults:
            yield Finding("damage", f"{REGISTRY_JOURNAL} event {link.line.seq}", fault, "journal_broken")
    said = said_of_root(storage, is_written=True)
    for mark in sorted(said - {mark for line in lines for mark in marks_of(line)}):
        message = f"{REGISTRY} says that there are {mark}, and the journal has none"
        yield Finding("damage", TITLE, message, "journal_short")
    for mark in sorted(made_by(lines) - said) if not steps else ():
        message = f"{REGISTRY} does not say that there are {mark}"
        yield Finding("damage", TITLE, message, "mark_missing", "omr sweep")
    if noted > (lines[-1].seq if lines else 0):
        message = f"event {noted}: {NOTED}; an older copy of the journal stands in its place, or its end is lost"
        yield Finding("damage", TITLE, message, "journal_short")
    for line in events_ahead(lines):
        message = f"it says {line.get('ts_utc')}, which is later than now: a clock was ahead, or this one is behind"
        yield Finding("damage", f"{REGISTRY_JOURNAL} event {line.seq}", message, "clock_ahead")
    yield from _check_named(storage, lines)


def _check_named(storage: Storage, lines: list[Line]) -> Iterator[Finding]:
    for key, (line, named) in _named(lines).items():
        try:
            fault = None if digest(storage.documents.read(key).data) == named else "is not what"
        except KeyNotFound:
            fault = "is missing, and"
        except PackageCorrupt as error:
            fault = f"cannot be read ({error.message}), and"
        if fault is not None:
            yield Finding("damage", key, f"{fault} event {line.seq} of the registry's journal names", "named_damaged")


def _named(lines: list[Line]) -> dict[str, tuple[Line, str]]:
    """Key -> the event that names what lies there, and its digest; of tokens, those that were not revoked."""
    found: dict[str, tuple[Line, str]] = {}
    for line in lines:
        said, about = line.get("document"), line.get("token")
        if line.get("event") in (ACCESS, TRUST, POLICY) and isinstance(said, str):
            found[_document_key(said)] = (line, said)
        if line.get("event") == TOKEN and isinstance(about, dict) and isinstance(about.get("id"), str):
            if isinstance(about.get("digest"), str):
                found[token(about["id"])] = (line, about["digest"])
            else:
                found.pop(token(about["id"]), None)
    return found


def _document_key(named: str) -> str:
    try:
        return document_key(named)
    except ValueError:
        raise PackageCorrupt(f"An event of {TITLE} names {printable(named)!r}, which is no document.") from None


def finish(storage: Storage, lock_timeout_s: float) -> bool:
    """What a crash left is finished, and ``registry.json`` says what there is; whether anything was to do.

    Raises ``LockTimeout``, ``JournalCorrupt``, ``StorageError``.
    """
    journal = RegistryJournal(storage, lock_timeout_s)
    is_finished = finish_pending(journal)
    unsaid = made_by(journal.journal.read_anew()) - said_of_root(storage, is_written=True)
    for mark in sorted(unsaid):
        say(storage, mark)
    return is_finished or bool(unsaid)


def copy(source: Storage, target: Storage, lock_timeout_s: float) -> int:
    """What is of the registry itself is in the target too, byte for byte; how many of its events that took.

    What events name goes first, then the events, and then that there are rules: before any model, so nobody sees those.
    Raises ``DestinationDiffers``, ``PackageCorrupt`` where something that an event names is not what it was.
    """
    ours, theirs = RegistryJournal(source, lock_timeout_s), RegistryJournal(target, lock_timeout_s)
    finish_pending(ours)
    lines = list(ours.journal.read_anew())
    for key, (line, named) in _named(lines).items():
        _copy_named(source, target, key, line, named)
    if not lines and theirs.journal.last() is None:
        return 0  # neither has rules: nothing is made, a lock neither
    copied = 0
    with theirs.lock():
        known = list(theirs.journal.lines())
        if [line.raw for line in known] != [line.raw for line in lines[: len(known)]]:
            raise DestinationDiffers(f"The destination has another history of {TITLE}. Choose an empty destination.")
        for line in lines[len(known) :]:
            target.documents.append(REGISTRY_JOURNAL, line.raw, line.seq)
            copied += 1
    for mark in sorted(made_by(lines)):
        say(target, mark)
    return copied


def _copy_named(source: Storage, target: Storage, key: str, line: Line, named: str) -> None:
    try:
        data = source.documents.read(key).data
    except KeyNotFound:
        data = None
    if data is None or digest(data) != named:
        raise PackageCorrupt(
            f"{key} is missing or damaged at the source, and event {line.seq} of {TITLE} names it. Restore it before "
            "migrating."
        )
    try:
        known = target.documents.read(key).data
    except KeyNotFound:
        known = None
    if known != data:
        target.documents.write(key, data, is_private=is_private(key))

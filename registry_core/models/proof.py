"""The journal proven: its chain, its end, and that it still extends a head that was kept elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..format.chain import Line, Link, chain
from ..format.events import DELETE
from ..vocabulary.answers import Head, JournalProof
from ..vocabulary.errors import InvalidParameter, JournalCorrupt, PackageCorrupt
from ..vocabulary.texts import DIGEST_PREFIX, parse_time
from . import aliases, evidence, projections
from .journal import CLOCKS_DIFFER_BY, OWNER, Subject
from .model import ModelStore
from .projections import Fields, seq_of
from .registry_journal import NOTED, RegistryJournal, said_of_root

_HEAD = re.compile(r"([1-9][0-9]{0,11}):(?:sha256:)?([0-9a-fA-F]{64})")


def parse_head(text: str) -> Head:
    """``SEQ:DIGEST`` as :class:`Head` prints itself. Raises ``InvalidParameter``."""
    match = _HEAD.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise InvalidParameter("A head is written SEQ:DIGEST, as audit verify prints it.", field="expect_head")
    return Head(int(match[1]), DIGEST_PREFIX + match[2].lower())


def prove(model: ModelStore, expected: Head | None = None) -> JournalProof:
    """No event was edited, removed, reordered or cut off, as far as anything in the registry can tell.

    The chain shows every change before the last line. A last line that was edited or cut off shows by the
    documents, packages and graves that still speak of it; for certain only by an ``expected`` head. Raises
    ``JournalCorrupt`` with the first ``broken_seq`` and all ``faults``.
    """
    proof, faults = _look(model, expected)
    if faults:
        proof, faults = _look(model, expected)  # both once more: others may have written meanwhile
    if faults:
        raise _broken(model, faults)
    lost = evidence.lost_end(model.storage, model.keys, model.journal, model.noticed)
    return replace(proof, warnings=[*proof.warnings, *lost])


def prove_own(journal: RegistryJournal, expected: Head | None = None) -> JournalProof:
    """As :func:`prove`, of the registry's own journal: by its chain, the head, and what ``registry.json`` says."""
    noted, events, head, faults = journal.noted(), 0, None, list[Fault]()
    ahead: list[Line] = []
    for link in chain(journal.journal.read_anew(), journal.names()):
        events, head = link.line.seq, Head(link.line.seq, link.digest or "")
        note_ahead(ahead, link.line)
        faults += [*_of_link(link), *_against(expected, head)]
    faults += _beyond(expected, events)
    if noted > events:
        faults.append(Fault(noted, NOTED, is_loss=True))
    for mark in sorted(said_of_root(journal.storage)) if not events else ():
        faults.append(Fault(1, f"the root says that there are {mark}, and no event does", is_loss=True))
    if faults:
        raise _broken(journal, sorted(faults))
    return JournalProof(events, head, list(_remarks(ahead, events, events)))


def require_chain(model: ModelStore) -> None:
    """No event was edited, removed or reordered, as far as the chain tells. Raises ``JournalCorrupt``."""
    faults = [fault for link in chain(model.journal.read_anew(), model.keys.names) for fault in _of_link(link)]
    if faults:
        raise _broken(model, faults)


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong with event ``seq``; ``document``: what disagrees with it. ``is_loss``: there is no such event."""

    seq: int
    text: str
    document: str = ""
    is_loss: bool = False


def faults_of(model: ModelStore) -> list[Fault]:
    """All that :func:`prove` would refuse, the first first.

    Where the chain says that an event was changed, it is not said again of what disagrees with it.
    """
    _, faults = _look(model, None)
    if faults:
        _, faults = _look(model, None)
    broken = {fault.seq for fault in faults if not fault.document}
    return [fault for fault in faults if not fault.document or not broken & {fault.seq, fault.seq + 1}]


def _look(model: ModelStore, expected: Head | None) -> tuple[JournalProof, list[Fault]]:
    faults: list[Fault] = []
    spoken_of = _documents(model)  # before the journal, which is never behind them
    graves: list[evidence.Shown] = []
    for shown in evidence.of_packages(model.storage, model.keys):
        if shown.seq is None:
            graves.append(shown)
        else:
            spoken_of.setdefault(shown.seq, []).append((shown.where, None))
    deleted: dict[Any, Line] = {}
    has_lost = False
    head: Head | None = None
    ahead: list[Line] = []
    held = 0
    for link in chain(model.journal.read_anew(), model.keys.names):
        seq = link.line.seq
        head = Head(seq, link.digest or "")
        note_ahead(ahead, link.line)
        held = seq if link.line.is_own else held
        faults += _of_link(link)
        faults += _against(expected, head)
        if link.line.get("event") == DELETE:
            deleted[link.line.get("version")] = link.line
        is_lost = not link.line.raw
        has_lost = has_lost or is_lost
        for name, fields in spoken_of.pop(seq, []):
            if fields is not None and not is_lost and not _agrees(fields, link.line, deleted):
                faults.append(Fault(seq, f"{name} shows this event, and says otherwise", name))
    events = head.seq if head is not None else 0
    faults += _beyond(expected, events)
    for seq, documents in spoken_of.items():
        end = min(seq, events + 1)
        faults += [Fault(end, f"{name} shows event {seq}, which is not there", is_loss=True) for name, _ in documents]
    lost = [grave for grave in graves if grave.deleted not in deleted and not has_lost]
    faults += [Fault(events + 1, f"{grave.says()}, and no event says so", is_loss=True) for grave in lost]
    return JournalProof(events, head, list(_remarks(ahead, held, events))), sorted(faults)


def _remarks(ahead: list[Line], held: int, events: int) -> Iterator[str]:
    """What the chain does not prove: ``held`` is our last event, ``ahead`` are those later than now."""
    if ahead:
        yield f"Event {ahead[0].seq} says {ahead[0].get('ts_utc')}, which is later than now. 'omr check' says more."
    if held < events:
        lines = "The last line is" if held == events - 1 else f"The last {events - held} lines are"
        yield f"{lines} older software's, and no event of ours follows: nothing proves what is said there."


def note_ahead(ahead: list[Line], line: Line) -> None:
    """``ahead`` is, with the line that follows, what says that it was made later than now, and is not put right yet.

    An event of ours puts right all before it.
    """
    when = parse_time(line.get("ts_utc"))
    if when is not None and when - datetime.now(UTC) > CLOCKS_DIFFER_BY:
        ahead.append(line)
    elif when is not None and line.is_own:
        ahead.clear()


def events_ahead(lines: Iterable[Line]) -> list[Line]:
    """The lines that say that they were made later than now, and that no later event of ours puts right."""
    ahead: list[Line] = []
    for line in lines:
        note_ahead(ahead, line)
    return ahead


def _against(expected: Head | None, head: Head) -> list[Fault]:
    if expected is None or head.seq != expected.seq or head == expected:
        return []
    return [Fault(head.seq, f"its digest is not the expected {expected.digest}")]


def _beyond(expected: Head | None, events: int) -> list[Fault]:
    if expected is None or expected.seq <= events:
        return []
    return [Fault(events + 1, f"the journal ends before the expected event {expected.seq}")]


def _of_link(link: Link) -> list[Fault]:
    return [Fault(link.line.seq, text) for text in link.faults]


def _documents(model: ModelStore) -> dict[int, list[tuple[str, Fields | None]]]:
    """Seq -> the documents that show that event, each with what it says of it, if it says anything."""
    found: dict[int, list[tuple[str, Fields | None]]] = {}
    about = model.keys.names
    keys = [
        (f"alias {name}", model.keys.alias(name), {**about, "alias": name})
        for name in aliases.names(model.storage, model.keys)
    ]
    for entry in model.storage.documents.list(model.keys.states):
        version = entry.name.removesuffix(".json")
        keys.append((f"state of {version}", entry.key, {**about, "version": version}))
    for version in model.deleted():
        keys.append((f"tombstone {version}", model.keys.tombstone(version), {**about, "version": version}))
    keys.append(("ownership", model.keys.ownership, about))
    for name, key, names in keys:
        try:
            fields = projections.read(model.storage, key)
        except (ValueError, PackageCorrupt):
            continue  # damaged, or no file: `check` names it
        if fields is not None and not projections.is_about(fields, names):
            continue  # so it is, too
        seq = seq_of(fields) if fields is not None else projections.shown_seq(model.storage, model.keys, key)
        if seq is not None:
            found.setdefault(seq, []).append((name, fields))
    return found


def _agrees(fields: Fields, line: Line, deleted: Mapping[Any, Line]) -> bool:
    """Whether a document that shows the line says of it what the line says; a tombstone also of what deleted it."""
    if "organization_id" in fields:
        owner = {"organization_id": OWNER, "registered_by": "actor", "registered_at": "ts_utc"}
        return OWNER in (line.fields or {}) and _says(fields, line, owner)
    times = ("updated_at", "purged_at", "deleted_at")
    shown = next((fields[name] for name in times if fields.get(name) is not None), None)
    alias = fields.get("alias")
    named = aliases.named_after(line, alias) if isinstance(alias, str) else line.get("version")
    same = shown == line.get("ts_utc") and fields.get("version") == named
    who = {"actor": "actor", "reason": "reason"}
    if fields.get("purged_at") is None:
        return same and _says(fields, line, who)
    born = deleted.get(fields.get("version"))  # None: its event is lost
    is_kept = born is None or _says(fields, born, {**who, "deleted_at": "ts_utc", "package_digest": "package_digest"})
    return same and is_kept and _says(fields, line, {"purged_by": "actor", "purge_reason": "reason"})


def _says(fields: Fields, line: Line, names: Mapping[str, str]) -> bool:
    return all(fields[name] == line.get(of_line) for name, of_line in names.items() if name in fields)


def _broken(subject: Subject, faults: list[Fault]) -> JournalCorrupt:
    first = faults[0]
    more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
    return JournalCorrupt(
        f"The journal of {subject.title} is not what was written: event {first.seq}: {first.text}{more}. "
        "Compare it with a backup; nothing in it proves anything from there on.",
        broken_seq=first.seq,
        faults=[{"seq": fault.seq, "fault": fault.text} for fault in faults],
    )

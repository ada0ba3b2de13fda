"""The journal proven: its chain, its end, and that it still extends a head that was kept elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..format.chain import Line, chain
from ..format.encoding import DIGEST_PREFIX
from ..vocabulary.answers import Head, JournalProof
from ..vocabulary.errors import InvalidParameter, JournalCorrupt
from . import aliases, projections
from .model import ModelStore
from .projections import Fields, seq_of

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
    documents that still speak of it; for certain only by an ``expected`` head. Raises ``JournalCorrupt``
    with the first ``broken_seq`` and all ``faults``.
    """
    faults: list[tuple[int, str]] = []
    spoken_of = dict(_documents(model))
    head: Head | None = None
    for link in chain(model.journal.read_anew()):
        seq = link.line.seq
        head = Head(seq, link.digest)
        faults += [(seq, fault) for fault in link.faults]
        if expected is not None and seq == expected.seq and head != expected:
            faults.append((seq, f"its digest is {link.digest}, not the expected {expected.digest}"))
        for name, fields in spoken_of.pop(seq, []):
            if not _agrees(fields, link.line):
                faults.append((seq, f"{name} shows this event, and says otherwise"))
    events = head.seq if head is not None else 0
    if expected is not None and expected.seq > events:
        faults.append((events + 1, f"the journal ends before the expected event {expected.seq}"))
    for seq, documents in spoken_of.items():
        faults += [(min(seq, events + 1), f"{name} shows event {seq}, which is not there") for name, _ in documents]
    if faults:
        raise _broken(model, sorted(faults))
    return JournalProof(events, head)


def _documents(model: ModelStore) -> Iterator[tuple[int, list[tuple[str, Fields]]]]:
    """Seq -> the documents that show that event."""
    found: dict[int, list[tuple[str, Fields]]] = {}
    keys = [(f"alias {name}", model.keys.alias(name)) for name in aliases.names(model.storage, model.keys)]
    keys += [(f"state {entry.name}", entry.key) for entry in model.storage.documents.list(model.keys.states)]
    keys += [(f"tombstone {version}", model.keys.tombstone(version)) for version in model.deleted()]
    for name, key in keys:
        try:
            fields = projections.read(model.storage, key)
        except ValueError:
            continue  # damaged: `check` names it
        seq = seq_of(fields)
        if fields is not None and seq is not None:
            found.setdefault(seq, []).append((name, fields))
    yield from found.items()


def _agrees(fields: Fields, line: Line) -> bool:
    """Whether a document that shows the line says of it what the line says."""
    times = ("updated_at", "purged_at", "deleted_at")
    shown = next((fields[name] for name in times if fields.get(name) is not None), None)
    same = shown == line.get("ts_utc") and fields.get("version") == line.get("version")
    who = ("actor", "reason") if fields.get("purged_at") is None else ()
    return same and all(name not in fields or fields[name] == line.get(name) for name in who)


def _broken(model: ModelStore, faults: list[tuple[int, str]]) -> JournalCorrupt:
    seq, fault = faults[0]
    more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
    return JournalCorrupt(
        f"The journal of {model.title} is not what was written: event {seq}: {fault}{more}. "
        "Compare it with a backup; nothing in it proves anything from there on.",
        broken_seq=seq,
        faults=[{"seq": seq, "fault": fault} for seq, fault in faults],
    )

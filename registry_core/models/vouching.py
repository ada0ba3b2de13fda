"""What was said of a version, ``evidence/<version>.json``: a projection of the events that vouch for it or find faults.

It is what pages and lists read, and on a store over a network how those events are found. One that is absent or cannot
be read says nothing: it is made anew from the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Any, Protocol

from ..format.chain import Line
from ..format.events import ATTEST, FACTS, FINDING, REGISTER, RESTORE
from ..format.layout import ModelKeys
from ..storage.contract import Storage
from ..vocabulary.errors import PackageCorrupt
from ..vocabulary.texts import list_or_empty
from . import projections
from .journal import VOUCHED, Event, Journal
from .projections import Fields, Projection
from .told import Told

SAID = (ATTEST, FINDING, FACTS)  # there is a document from the first of these on
MOVES = (*SAID, RESTORE)  # what it follows; the register event is in it by the way
NOT_COMPARED = ("facts", "updated_at")  # what may be said by events that the document does not follow
_OF_A_DOCUMENT = ("digest", "size", "form", "type", "identity", "signers", "covers", "from_package")


class OneModel(Protocol):
    """What is asked of a model for what follows its events."""

    storage: Storage
    keys: ModelKeys
    journal: Journal

    @property
    def told(self) -> Told:
        """What its documents tell."""
        ...

    def registered(self, version: str) -> Line | None:
        """The event that registered the version."""
        ...


def lines(model: OneModel, version: str, before: int | None = None) -> list[Line]:
    """The events that register the version, bring it back, or say something of it, before that event; oldest first."""
    storage, journal = model.storage, model.journal
    found = None
    if not storage.documents.looks_are_cheap():
        found = _listed(storage, model.keys, journal, version)
    if found is None:
        found = list(journal.named(VOUCHED, version, before))[::-1]
    else:
        born = model.registered(version)
        found = [*([born] if born is not None else []), *found]
    return [line for line in found if line.is_of(model.keys.names) and (before is None or line.seq < before)]


def _listed(storage: Storage, keys: ModelKeys, journal: Journal, version: str) -> list[Line] | None:
    """The events that the document lists, and the journal's last one; None where it cannot be gone by."""
    try:
        fields = read(storage, keys, version)
    except ValueError:
        return None
    seqs = fields.get("events") if fields is not None else None
    if fields is None or not isinstance(seqs, list):
        return None
    found = [journal.line(seq) for seq in seqs if isinstance(seq, int)]
    last = journal.last()
    if last is not None and last.seq > (projections.seq_of(fields) or 0) and is_about(last, version):
        found.append(last)  # its document may not be written yet; all before it are
    listed = [line for line in found if line is not None and is_about(line, version)]
    return listed if len(listed) == len(found) and len(found) >= len(seqs) else None


def moved_by(storage: Storage, keys: ModelKeys, event: Event) -> bool:
    """Whether the event changes the document of its version: coming back does, where something was said of it."""
    return event["event"] in SAID or (event["event"] == RESTORE and _is_listed(storage, keys, event["version"]))


def _is_listed(storage: Storage, keys: ModelKeys, version: str) -> bool:
    try:
        return read(storage, keys, version) is not None
    except (ValueError, PackageCorrupt):
        return True  # and is made anew


def followed(lines: Iterable[Line]) -> dict[str, Line]:
    """Of each version of which something was said, the last event that its document follows."""
    ours = [line for line in lines if line.is_own and line.get("event") in MOVES]
    said = {line.get("version") for line in ours if line.get("event") in SAID}
    return {line.get("version"): line for line in ours if line.get("version") in said}


def says_of_version(line: Line) -> bool:
    """Whether the event is one of those that :func:`lines` gives of its version."""
    return line.is_own and line.get("event") in (REGISTER, *MOVES)


def is_about(line: Line, version: str) -> bool:
    """Whether the event is one of those that the version's document follows."""
    return line.is_own and line.get("event") in MOVES and line.get("version") == version


def history(model: OneModel, event: Event) -> Iterable[Line]:
    """The events about the event's version before it, oldest first; where there is no index, all since its register."""
    version, seq = event["version"], event["seq"]
    if model.storage.documents.looks_are_cheap():
        return list(model.journal.named(VOUCHED, version, seq))[::-1]
    born = model.registered(version)
    first = born.seq if born is not None else 1
    return (line for line in model.journal.lines(first - 1) if line.seq < seq and line.get("version") == version)


def read(storage: Storage, keys: ModelKeys, version: str) -> Fields | None:
    """The document; None where there is none. Raises ``ValueError`` for one that is damaged."""
    fields = projections.read(storage, keys.evidence(version))
    if projections.is_damaged(fields or {}, {**keys.names, "version": version}):
        raise ValueError(keys.evidence(version))
    return fields


def projection(keys: ModelKeys, event: Event, before: Callable[[], Iterable[Line]]) -> Projection:
    """The version's document after the event; ``before`` gives the events about it before that, to make it anew."""
    version = event["version"]

    def render(old: Fields | None) -> Fields:
        if not old or projections.is_damaged(old, {**keys.names, "version": version}):
            old = replay(keys, version, before())
        return after(old, event)

    return Projection(keys.evidence(version), event["seq"], f"what was said of {version} is not listed yet", render)


def replay(keys: ModelKeys, version: str, events: Iterable[Line]) -> Fields:
    """The document after the events about the version, without its ``seq``."""
    own = (line for line in events if line.is_own and line.get("version") == version)
    return _after_all({**keys.names, "version": version}, (line.fields for line in own if line.fields is not None))


def after(old: Fields, event: Event) -> Fields:
    """The document after one more event."""
    return _after_all(old, [event])


def _after_all(old: Fields, more: Iterable[Event]) -> Fields:
    """The document after more events, in one pass over all of them."""
    lists = ("events", "attestations", "findings", "dismissed")
    events, attestations, findings, dismissed = ([*list_or_empty(old.get(name))] for name in lists)
    facts, when = old.get("facts"), old.get("updated_at")
    ended = set[int]()
    for event in more:
        kind, seq, when = event["event"], event["seq"], event.get("ts_utc")
        if kind in MOVES:
            events.append(seq)
        if isinstance(event.get("facts"), dict):
            facts = event["facts"]
        attestation, finding = event.get("attestation"), event.get("finding")
        if kind == ATTEST and isinstance(attestation, dict):
            said = {name: attestation[name] for name in _OF_A_DOCUMENT if name in attestation}
            attestations.append({"seq": seq, **said, "ts_utc": when})
        if kind == ATTEST and isinstance(event.get("dismisses"), int):
            dismissed.append(event["dismisses"])
        if kind == FINDING and isinstance(finding, dict):
            ends = (finding.get("resolves"), finding.get("dismisses"))
            ended.update(one for one in ends if isinstance(one, int) and one < seq)
            if "severity" in finding:
                findings.append({"seq": seq, **finding, "actor": event.get("actor"), "ts_utc": when})
    return {
        **{name: old.get(name) for name in ("task", "model_name", "version")},
        "attestations": attestations,
        "dismissed": dismissed,
        "findings": [one for one in findings if isinstance(one, dict) and not _is_one_of(one.get("seq"), ended)],
        "facts": facts,
        "events": events,
        "updated_at": when,
    }


def _is_one_of(seq: Any, ended: Set[int]) -> bool:
    return isinstance(seq, int) and seq in ended

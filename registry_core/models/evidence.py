"""What documents, packages and graves show of a journal, and whether it reaches so far.

An event is in the journal before anything follows it: what shows a later event than the journal has proves that its
end was lost. A document without ``seq``, which older software wrote, proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ..format.chain import Line
from ..format.events import DELETE
from ..format.layout import ModelKeys
from ..storage.contract import Storage
from ..vocabulary.errors import JournalCorrupt, StorageError
from . import projections
from .journal import Journal


@dataclass(frozen=True)
class Shown:
    """``where`` shows event ``seq``; without a ``seq``: that some event has deleted the version ``deleted``."""

    where: str
    seq: int | None
    deleted: str | None = None

    def says(self) -> str:
        what = f"event {self.seq}" if self.seq is not None else f"that {self.deleted} was deleted"
        return f"{self.where} shows {what}"


Look = Callable[[], Iterable[Shown]]


@dataclass
class Noticed:
    """What reads of one model have come upon by the way: which events they were shown, and what was damaged."""

    shown: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)

    def show(self, key: str, seq: int | None) -> None:
        if seq is not None:
            self.shown[key] = seq


def of_all(storage: Storage, keys: ModelKeys) -> Iterator[Shown]:
    """All that a model's documents, packages and graves show."""
    there = {entry.key for entry in storage.documents.list(keys.model)}
    for prefix in sorted({keys.aliases, keys.states} & there):
        for entry in storage.documents.list(prefix):
            if entry.kind == "file":
                yield from of_document(storage, keys, entry.key)
    if keys.graves in there:
        for entry in storage.documents.list(keys.graves):
            yield from of_document(storage, keys, keys.tombstone(entry.name))
    if keys.graves in there or keys.versions in there:
        yield from of_packages(storage, keys)


def of_packages(storage: Storage, keys: ModelKeys) -> Iterator[Shown]:
    """What a model's packages show, where the storage keeps facts of them, and else its graves without a tombstone."""
    keeps_facts = storage.packages.keeps_facts()
    for entry in storage.documents.list(keys.versions if keeps_facts else keys.graves):
        if entry.kind == "prefix":
            yield from of_facts(storage, keys, entry.name) if keeps_facts else _bare_grave(storage, keys, entry.name)


def of_version(storage: Storage, keys: ModelKeys, version: str) -> Iterator[Shown]:
    """What shows an event about the version, but for the aliases that name it."""
    if storage.packages.keeps_facts():
        yield from of_facts(storage, keys, version)
    else:
        yield from of_document(storage, keys, keys.state(version))
        yield from of_grave(storage, keys, version)


def of_document(storage: Storage, keys: ModelKeys, key: str) -> Iterator[Shown]:
    """What the document shows; nothing if there is none, or if it cannot be read."""
    seq = projections.shown_seq(storage, key)
    if seq is not None:
        yield Shown(_where(keys, key), seq)


def of_documents(storage: Storage, keys: ModelKeys, documents: Iterable[str]) -> Iterator[Shown]:
    for key in documents:
        yield from of_document(storage, keys, key)


def of_grave(storage: Storage, keys: ModelKeys, version: str) -> Iterator[Shown]:
    """What a tombstone shows; without one, what the kept bytes themselves do."""
    yield from of_document(storage, keys, keys.tombstone(version))
    if not storage.packages.keeps_facts():
        yield from _bare_grave(storage, keys, version)


def _bare_grave(storage: Storage, keys: ModelKeys, version: str) -> Iterator[Shown]:
    """The kept bytes of a version whose tombstone is lost or cannot be read."""
    if projections.shown_seq(storage, keys.tombstone(version)) is None:
        grave = storage.packages.retired(keys.package(version), keys.grave(version))
        if grave is not None:
            yield Shown(_where(keys, keys.grave(version)), None, version)


def of_facts(storage: Storage, keys: ModelKeys, version: str) -> Iterator[Shown]:
    """What is said beside the package, where the storage keeps that."""
    facts = storage.packages.facts(keys.package(version))
    if facts is not None and facts.seq is not None:
        yield Shown(_where(keys, keys.package(version)), facts.seq)
    if facts is not None and facts.retired:
        yield Shown(_where(keys, keys.package(version)), None, version)


def beyond(journal: Journal, look: Look) -> list[Shown]:
    """What shows more than is in the journal, whose end is read after it; both once more before that is believed."""
    return _beyond(journal, look) and _beyond(journal, look)


def _beyond(journal: Journal, look: Look) -> list[Shown]:
    shown = list(look())
    highest = max((one.seq for one in shown if one.seq is not None), default=0)
    reaches = journal.reaches(highest)
    deleted: set[str] = set()
    if any(one.seq is None for one in shown):
        deleted = {line.get("version") for line in journal.lines() if line.get("event") == DELETE}
    if reaches and all(one.seq is not None or one.deleted in deleted for one in shown):
        return []
    last = journal.last()
    end = last.seq if last is not None else 0
    return [one for one in shown if (one.seq > end if one.seq is not None else one.deleted not in deleted)]


def warnings(storage: Storage, keys: ModelKeys, journal: Journal, noticed: Noticed) -> list[str]:
    """What whoever reads must know: documents that were damaged, and those that the journal does not reach."""
    told = list(noticed.damaged.values())
    if not storage.documents.looks_are_cheap():
        return told  # the look at the journal's end would be a request for each read
    try:
        if not journal.reaches(max(noticed.shown.values(), default=0)):
            found = beyond(journal, lambda: of_documents(storage, keys, noticed.shown))
            if found:
                told.append(
                    f"The journal of {keys.title} is damaged: {found[0].says()}, which is not in it. "
                    "An operator should look at it with 'omr check'."
                )
    except StorageError as error:
        told.append(f"Whether the journal of {keys.title} is whole cannot be told: {error.message}")
    return told


def refuse(keys: ModelKeys, found: list[Shown], last: Line | None) -> JournalCorrupt:
    """The refusal of a change to a model whose journal ends before what is shown."""
    end = last.seq if last is not None else 0
    return JournalCorrupt(
        f"The journal of {keys.title} is damaged: {found[0].says()}, which is not in it; it ends at event {end}. "
        "Nothing was changed. Restore the journal from a backup; "
        f"'omr audit verify {keys.task} {keys.model_name}' names all that is missing.",
        broken_seq=end + 1,
        faults=[{"seq": end + 1, "fault": f"{one.says()}, which is not there"} for one in found],
    )


def refuse_last(title: str, seq: int) -> JournalCorrupt:
    """The refusal of a change to a model the last line of whose journal is no event."""
    fault = "the line is not a JSON object"
    return JournalCorrupt(
        f"The journal of {title} is damaged: its last line, event {seq}, is no event, and no crash leaves such a line. "
        "Nothing was changed. Restore the journal from a backup.",
        broken_seq=seq,
        faults=[{"seq": seq, "fault": fault}],
    )


def _where(keys: ModelKeys, key: str) -> str:
    return key.removeprefix(keys.model + "/")

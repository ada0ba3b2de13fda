"""What documents, packages and graves show of a journal, and whether it reaches so far.

An event is in the journal before anything follows it: what shows a later event than the journal has proves that its
end was lost. A document without ``seq``, which older software wrote, proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..format.chain import Line, lost_range, why_no_event
from ..format.events import REPAIR
from ..format.layout import ModelKeys, is_package
from ..storage.contract import Storage
from ..vocabulary.errors import JournalCorrupt, StorageError
from . import projections
from .journal import DELETED, KIND, Journal
from .projections import Noticed


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


def of_note(storage: Storage, keys: ModelKeys) -> Iterator[Shown]:
    """The last event, as whoever made it has noted it beside the lock, where the storage can do that for nothing.

    It is a reason to look at everything, and to throw nothing away; by itself it proves nothing: whoever puts a whole
    model back as it was need not know of it.
    """
    noted, _ = storage.documents.noted(keys.model)
    if noted is not None:
        yield Shown(".lock", noted)


def of_all(storage: Storage, keys: ModelKeys) -> Iterator[Shown]:
    """All that a model's documents, packages and graves show."""
    there = {entry.key for entry in storage.documents.list(keys.model)}
    for prefix in sorted({keys.aliases, keys.states, keys.evidences} & there):
        for entry in storage.documents.list(prefix):
            if entry.kind == "file":
                yield from of_document(storage, keys, entry.key)
    if keys.ownership in there:
        yield from of_document(storage, keys, keys.ownership)
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
        yield from of_document(storage, keys, keys.evidence(version))
    else:
        yield from of_document(storage, keys, keys.evidence(version))
        yield from of_document(storage, keys, keys.state(version))
        yield from of_grave(storage, keys, version)


def of_document(storage: Storage, keys: ModelKeys, key: str) -> Iterator[Shown]:
    """What the document shows; nothing if there is none, or if it cannot be read."""
    seq = projections.shown_seq(storage, keys, key)
    if seq is not None:
        yield Shown(_where(keys, key), seq)


def of_keys(storage: Storage, keys: ModelKeys, at: Iterable[str]) -> Iterator[Shown]:
    """What is shown there, by documents and by what is said beside packages."""
    for key in at:
        if is_package(key):
            yield from of_facts(storage, keys, key.rpartition("/")[2])
        else:
            yield from of_document(storage, keys, key)


def of_grave(storage: Storage, keys: ModelKeys, version: str) -> Iterator[Shown]:
    """What a tombstone shows; without one, what the kept bytes themselves do."""
    yield from of_document(storage, keys, keys.tombstone(version))
    if not storage.packages.keeps_facts():
        yield from _bare_grave(storage, keys, version)


def _bare_grave(storage: Storage, keys: ModelKeys, version: str) -> Iterator[Shown]:
    """The kept bytes of a version whose tombstone is lost or cannot be read."""
    if projections.shown_seq(storage, keys, keys.tombstone(version)) is None:
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


def is_named(storage: Storage, keys: ModelKeys, journal: Journal, version: str) -> bool:
    """Whether a grave bears the name; or, where the journal has lost events, what else is kept of a version."""
    if any(True for _ in of_grave(storage, keys, version)):
        return True
    if not _has_lost(journal):
        return False
    kept = (keys.state(version), keys.baseline(version), keys.tombstone(version))
    if any(projections.is_there(storage, key) for key in kept):
        return True
    return any(_alias_names(storage, entry.key, version) for entry in storage.documents.list(keys.aliases))


def _alias_names(storage: Storage, key: str, version: str) -> bool:
    try:
        fields = projections.read(storage, key)
    except ValueError:
        return False
    return fields is not None and fields.get("version") == version


def beyond(journal: Journal, look: Look) -> list[Shown]:
    """What shows more than is in the journal, whose end is read after it; both once more before that is believed.

    What shows the most comes first.
    """
    found = _beyond(journal, look) and _beyond(journal, look)
    return sorted(found, key=lambda one: -(one.seq or 0))


def _beyond(journal: Journal, look: Look) -> list[Shown]:
    shown = list(look())
    highest = max((one.seq for one in shown if one.seq is not None), default=0)
    reaches = journal.reaches(highest)
    bare = {one.deleted for one in shown if one.seq is None}
    unsaid = bare - _deleted(journal, bare) if bare else bare
    if reaches and not unsaid:
        return []
    last = journal.last()
    end = last.seq if last is not None else 0
    return [one for one in shown if (one.seq > end if one.seq is not None else one.deleted in unsaid)]


def _deleted(journal: Journal, versions: set[str | None]) -> set[str | None]:
    """Those of the versions that some event has deleted: all of them, where events are lost that may have."""
    if _has_lost(journal):
        return versions
    return {version for version in versions if version is not None and any(journal.named(DELETED, version))}


def _has_lost(journal: Journal) -> bool:
    return any(lost_range(line) for line in journal.named(KIND, REPAIR))


def require(storage: Storage, keys: ModelKeys, journal: Journal, look: Look) -> None:
    """The journal has what is shown where the look looks. Raises ``JournalCorrupt``."""
    last = journal.last()
    if last is not None and (last.fields is None or not last.is_of(keys.names)):
        raise refuse_last(keys, last)
    if last is None or journal.is_torn():
        found = beyond(journal, lambda: (*of_all(storage, keys), *look()))
    else:
        found = beyond(journal, look)
    if found:
        raise refuse(keys, found, journal.last())


def warnings(storage: Storage, keys: ModelKeys, journal: Journal, noticed: Noticed, *, asks: bool) -> list[str]:
    """What whoever reads must know: documents that were damaged, and those that the journal does not reach.

    Whether it does is asked of a store over a network only if the read ``asks``: that may be a request each time.
    """
    told = list(noticed.damaged.values())
    if asks or storage.documents.looks_are_cheap():
        told += lost_end(storage, keys, journal, noticed)
    return told


def lost_end(storage: Storage, keys: ModelKeys, journal: Journal, noticed: Noticed) -> list[str]:
    """What whoever reads must know where the journal does not reach what was noticed; where it does, one small read."""
    noted, _ = noticed.noted(storage, keys)

    def look() -> Iterator[Shown]:
        return of_keys(storage, keys, noticed.shown) if noted is None else of_all(storage, keys)

    try:
        is_whole = journal.has(max([*noticed.shown.values(), noted or 0]))
        found = [] if is_whole else beyond(journal, look)
        if not (is_whole or found) and noted is not None and not journal.has(noted):
            found = list(of_note(storage, keys))  # no proof, but a reason to look
    except StorageError as error:
        return [f"Whether the journal of {keys.title} is whole cannot be told: {error.message}"]
    if not found:
        return []
    what = f"The journal of {keys.title} is damaged: {found[0].says()}, which is not in it."
    return [f"{what} An operator should look at it with 'omr check'."]


def refuse(keys: ModelKeys, found: list[Shown], last: Line | None) -> JournalCorrupt:
    """The refusal of a change to a model whose journal ends before what is shown."""
    end = last.seq if last is not None else 0
    return JournalCorrupt(
        f"The journal of {keys.title} is damaged: {found[0].says()}, which is not in it; it ends at event {end}. "
        f"Nothing was changed. {_remedy(keys)}",
        broken_seq=end + 1,
        faults=[{"seq": end + 1, "fault": f"{one.says()}, which is not there"} for one in found],
    )


def refuse_last(keys: ModelKeys, last: Line) -> JournalCorrupt:
    """The refusal of a change to a model the last line of whose journal is no event, or another model's."""
    seq, what = last.seq, "no event, and no crash leaves such a line"
    fault = why_no_event(last.raw)
    if last.fields is not None:
        what, fault = "about another model", "the line is about another model"
    return JournalCorrupt(
        f"The journal of {keys.title} is damaged: its last line, event {seq}, is {what}. "
        f"Nothing was changed. {_remedy(keys)}",
        broken_seq=seq,
        faults=[{"seq": seq, "fault": fault}],
    )


def _remedy(keys: ModelKeys) -> str:
    return (
        "Restore the journal from a backup; where there is none, "
        f"'{repair_command(keys)}' says what is lost, and goes on after it."
    )


def repair_command(keys: ModelKeys) -> str:
    """What mends a journal whose end is lost."""
    return f"omr repair journal {keys.task} {keys.model_name} --accept-loss"


def _where(keys: ModelKeys, key: str) -> str:
    return key.removeprefix(keys.model + "/")

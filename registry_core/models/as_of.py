"""What a ref meant at a moment, from the journal alone: which model made last year's result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..vocabulary.answers import Alias
from ..vocabulary.errors import JournalCorrupt, VersionNotFound
from ..vocabulary.texts import format_time, printable
from . import aliases, older
from .model import ModelStore
from .timeline import Moment, replay


@dataclass(frozen=True)
class FoundThen:
    """The version that a selector named at a moment, and the model as it was then."""

    version: str
    alias: str | None
    moment: Moment


def find_at(model: ModelStore, selector: str, until: datetime) -> FoundThen:
    """The version that the selector named then; an alias wins over a version of its name.

    Raises ``VersionNotFound`` where it named nothing, ``JournalCorrupt`` where that cannot be told. The bytes may
    be deleted by now.
    """
    lines = list(model.told.linked(model.journal.links(model.keys.names)))
    moment = replay(lines, until)
    alias_target = moment.pointing().get(selector)
    if alias_target is not None:
        return FoundThen(alias_target, selector, moment)
    if _existed(model, replay(lines), moment, selector):
        return FoundThen(selector, None, moment)
    model.notice_newest()
    damage = model.told.warnings(asks=True)
    if damage:  # what it named may stand in what is lost
        seq = lines[-1].seq if lines else 0
        raise JournalCorrupt(damage[0], broken_seq=seq, faults=[{"seq": seq, "fault": text} for text in damage])
    raise VersionNotFound(
        f"{model.title} had no alias or version {printable(selector)!r} at {format_time(until)}.",
        task=model.keys.task,
        model_name=model.keys.model_name,
        selector=printable(selector),
        as_of=format_time(until),
    )


def aliases_at(model: ModelStore, until: datetime) -> list[Alias]:
    """The aliases that there were then, sorted, each as its last move had left it."""
    moment = replay(model.told.linked(model.journal.links(model.keys.names)), until)
    model.notice_newest()
    return [aliases.moved_by(moment.aliases[alias], alias) for alias in sorted(moment.pointing())]


def _existed(model: ModelStore, now: Moment, then: Moment, version: str) -> bool:
    if version in then.gone:
        return False
    if not older.is_older(now.registered.get(version)):
        return version in then.registered
    # The journal does not say when it came, so it has always been there.
    return version in now.gone or model.has_version(version) or model.tombstone(version) is not None

"""What a version's files are, as its journal says; and a new event about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..format.chain import Line
from ..format.events import FACTS
from ..models import vouching
from ..models.changes import Draft, change
from ..models.missing import no_version
from ..models.model import Found, ModelStore
from ..packages import reading_facts
from ..vocabulary.facts import LOADS, FactsOfVersion, FileFacts
from ..vocabulary.texts import check_words

UNREAD = "Nobody has read what the files are: 'omr facts TASK REF --refresh' does, and makes an event of it."


def tell(found: Found, workers: int, *, details: bool) -> FactsOfVersion:
    """What the last event says. ``details``: and what each file is now. Raises ``PackageCorrupt``, ``StorageError``."""
    files = list(reading_facts.of_version(found, workers).files) if details else None
    lines = vouching.lines(found.model, found.version)
    last = next((line for line in reversed(lines) if _says(line) is not None), None)
    said = _says(last) if last is not None else None
    return _told(found.model, found.version, said, last.fields if last is not None else None, files)


def _says(line: Line) -> Mapping[str, Any] | None:
    said = line.get(FACTS)
    return said if isinstance(said, dict) and said.get("load") in LOADS else None


def _told(
    model: ModelStore,
    version: str,
    said: Mapping[str, Any] | None,
    event: Mapping[str, Any] | None,
    files: list[FileFacts] | None,
) -> FactsOfVersion:
    said, event = said or {}, event or {}
    formats, because = said.get("formats"), said.get("because")
    return FactsOfVersion(
        **model.names(),
        version=version,
        load=said.get("load"),
        extractor=said.get("extractor"),
        formats=dict(formats) if isinstance(formats, dict) else {},
        because=list(because) if isinstance(because, list) else [],
        seq=event.get("seq"),
        ts_utc=event.get("ts_utc"),
        files=files,
        warnings=[] if said else [UNREAD],
    )


@dataclass(frozen=True)
class Seen:
    """What a new event about the files looks at: whether the version is there, and its digest."""

    is_there: bool
    package_digest: str | None


def refresh(found: Found, workers: int, actor: str | None, reason: str | None) -> FactsOfVersion:
    """The files are read again, and an event says what they are. Raises ``PackageCorrupt``, ``VersionNotFound``."""
    check_words(actor, reason)
    model, version = found.model, found.version
    read = reading_facts.of_version(found, workers)

    def look() -> Seen:
        return Seen(model.has_version(version), model.recorded_digest(version))

    def decide(seen: Seen) -> Draft:
        if not seen.is_there:
            no_version(model.keys, version)
        own = {FACTS: read.summary()}
        return Draft(FACTS, version, actor, reason, package_digest=seen.package_digest, own=own)

    done = change(model, look, decide)
    return _told(model, version, done.event[FACTS], done.event, list(read.files))

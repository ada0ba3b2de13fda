"""One model's part of the catalogue, brought up to date with the registry.

What the journal says is taken from its new events, and of each only what it is about is read; what older software
changes without events is found by looking at names and marks. The registry is read before a transaction begins, so a
slow storage holds nobody up; a model that somebody else has indexed meanwhile is looked at again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from itertools import islice

from ..models import aliases
from ..models.model import ModelStore
from ..vocabulary.texts import is_unicode
from . import reading, rows
from .database import Database, Trouble, snapshot
from .values import UNSURE, Change, Entry, Known, Moved, News, Said

log = logging.getLogger(__name__)

BATCH = 100  # versions in one transaction
MAX_LOOKS = 50  # each lost one is somebody else's that was won


def refresh(database: Database, model: ModelStore, *, is_told: bool = False) -> bool:
    """The catalogue shows the model as it is now; whether that changed anything.

    ``is_told``: somebody has said that the model has new events, so that nothing else is looked at. Raises
    ``Trouble``, and ``StorageUnavailable`` where the model cannot be read.
    """
    for _ in range(MAX_LOOKS):
        outcome = _Look(database, model, is_told).follow()
        if outcome is not None:
            return outcome
    raise Trouble(f"{model.title}: others keep changing it")


class _Look:
    """One look at a model, and what comes of it."""

    def __init__(self, database: Database, model: ModelStore, is_told: bool) -> None:
        self._database, self._model = database, model
        self._is_cheap = model.storage.documents.looks_are_cheap()
        with database.reading() as connection, snapshot(connection):
            self._known = known = rows.known_of(connection, model)
            # What a told event says of a model that has lost some cannot be the whole of it.
            looks_around = self._is_cheap and (not is_told or known.lost is not None or not known.is_whole)
            self._open = rows.open_marks(connection, known) if looks_around else {}
        # Before reading: what changes meanwhile is found the next time.
        self._marks = reading.marks_of(model) if looks_around else None

    def follow(self) -> bool | None:
        """As :func:`refresh`; None: somebody else has written the model meanwhile."""
        model, known, marks = self._model, self._known, self._marks
        rewritten = {
            version
            for version, seen in self._open.items()
            if seen == UNSURE or reading.meta_mark(model, version) != seen
        }
        if marks is not None and known.is_whole and marks.are_all and marks.marks == known.marks and not rewritten:
            return False
        is_new = not known.is_whole or (known.broken is not None and reading.is_intact(model))  # it was mended
        news = reading.read_news(model, Known() if is_new else known)
        is_anew = news is None or is_new  # or the journal was replaced, by a backup for example
        news = news if news is not None else reading.read_news(model, Known())
        assert news is not None
        if not is_anew and not news.is_any and not self._is_cheap and not known.is_unsure:
            return False  # on such a storage no older software changes things without an event
        is_unsure = (news.is_any or known.is_unsure) and reading.is_unfinished(model)
        asks_owner = is_anew or news.owner is not None or self._has_changed(model.keys.ownership)
        owner = reading.owner_of(model, news, is_all=is_anew) if asks_owner else None
        moved = {name: reading.read_alias(model, name) for name in self._due_aliases(news, is_anew)}
        due, gone = self._due_versions(news, is_anew, rewritten)
        versions = iter(sorted(due | self._ends(moved, is_anew, gone)))
        writer = rows.Writer(self._database, model, known)
        while True:
            batch = list(islice(versions, BATCH))
            entries = self._read(batch, news, moved, is_anew)
            if len(batch) == BATCH:
                if not writer.write(entries):
                    return None
                continue
            lost = reading.lost_end(model, news)
            return writer.finish(
                Change(
                    versions=entries,
                    gone=gone,
                    aliases=moved,
                    news=news,
                    # On such a storage nobody else would look whether what is lost was put back.
                    mark=self._new_mark(is_unsure or (lost is not None and not self._is_cheap)),
                    keeps_mark=self._is_cheap and marks is None,
                    lost=lost,
                    is_anew=is_anew,
                    owner=owner,
                )
            )

    def _new_mark(self, is_unsure: bool) -> str | None:
        if is_unsure:
            return UNSURE
        return json.dumps(dict(self._marks.marks)) if self._marks is not None else None

    # what is to be read

    def _due_aliases(self, news: News, is_anew: bool) -> set[str]:
        keys = self._model.keys
        due = {name for name in news.moved if self._model.may_look_up(name, keys.aliases, aliases.SUFFIX)}
        if is_anew or self._known.lost is not None or self._marks is not None:
            there = self._marks.aliases if self._marks is not None else aliases.names(self._model.storage, keys)
            with self._database.reading() as connection:
                gone = rows.aliases_of(connection, self._known).keys() - set(there)
            is_all = is_anew or self._known.lost is not None or self._marks is None
            changed = {name for name in there if is_all or self._has_changed(keys.alias(name))}
            due |= changed | gone
        return {name for name in due if is_unicode(name)}

    def _due_versions(self, news: News, is_anew: bool, rewritten: set[str]) -> tuple[set[str], set[str]]:
        """(those to be read, those that are not there)."""
        model, keys = self._model, self._model.keys
        named = set(reading.named(model, news.named)) | rewritten
        if not is_anew and not self._has_changed(keys.versions, keys.graves):
            there = {version for version in named if model.has_version(version)}
            return there, named - there
        present = set(reading.named(model, model.versions()))
        with self._database.reading() as connection:
            have = rows.versions_of(connection, self._known)
        due = present if is_anew else (present - have) | (named & present)
        return due, (have | named) - present

    def _has_changed(self, *keys: str) -> bool:
        return self._marks is not None and self._marks.changed(self._known, *keys)

    def _ends(self, moved: Mapping[str, Moved | None], is_anew: bool, gone: set[str]) -> set[str]:
        """The versions at either end of every alias that is not where it was."""
        if is_anew:
            return set()  # all are read
        ends: set[str | None] = set()
        with self._database.reading() as connection:
            for alias, now in moved.items():
                before, after = rows.target_of(connection, self._known, alias), now.version if now else None
                if before != after:
                    ends |= {before, after}
        return {end for end in ends if end is not None and end not in gone and self._model.has_version(end)}

    # reading it

    def _read(
        self, versions: Iterable[str], news: News, moved: Mapping[str, Moved | None], is_anew: bool
    ) -> list[Entry | Said]:
        found: list[Entry | Said] = []
        for version in versions:
            with self._database.reading() as connection:
                has_package = not is_anew and rows.is_proven(connection, self._model, version)
                before = rows.left_out_mark(connection, self._known, version)
                named_by = set() if is_anew else set(rows.named_by(connection, self._known, version))
            named_by -= moved.keys()
            named_by |= {alias for alias, now in moved.items() if now is not None and now.version == version}
            if has_package and version not in news.proven:
                entry = reading.read_said(self._model, version, named_by)
            else:
                entry = reading.read_version(self._model, version, named_by, is_proven=version in news.proven)
            if isinstance(entry, Entry) and entry.values is None:
                if before == entry.mark:
                    continue  # there is nothing to do about it, nor to say
                log.error("%s@%s is left out of the catalogue: %s", self._model.title, version, entry.trouble)
            found.append(entry)
        return found

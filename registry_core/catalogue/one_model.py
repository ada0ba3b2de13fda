"""One model's part of the catalogue, brought up to date with the registry.

What the journal says is taken from its new events; what older software changes without events is found by
looking at names and marks. The registry is read before a transaction begins, so a slow storage holds nobody
up; a model that somebody else has indexed meanwhile is looked at again. A version that cannot be read is left
out and logged; ``check`` names it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from ..format.chain import Line
from ..format.encoding import digest
from ..format.events import REGISTER
from ..format.layout import META
from ..models import aliases, evidence
from ..models.annotation import beside
from ..models.changes import pending
from ..models.model import ModelStore
from ..packages import contents, stated_metrics
from ..vocabulary.errors import PackageCorrupt, StorageUnavailable
from ..vocabulary.names import natural_order
from ..vocabulary.texts import escaped, is_unicode
from ..vocabulary.times import format_time, parse_time
from .database import Database, Trouble, snapshot
from .rows import Detail, Entry, Known, News, Writer, detail_of, known_of
from .search_words import compact_json, is_filtered, tag_text, words_of

log = logging.getLogger(__name__)

BATCH = 100  # versions in one transaction
MAX_LOOKS = 50  # each lost one is somebody else's that was won
_BEFORE_ALL_REGISTRIES = 1970
# What other answers say of a version in these words is the registry's own; free metadata of such a name is in show.
_NOT_FREE = ("package_digest", "package_dir", "package_path")
UNSURE = "?"  # the mark of what is to be looked at again


def mark_of(model: ModelStore) -> str | None:
    """A text that changes with the model; None where only reading can tell."""
    storage, keys = model.storage, model.keys
    marks = [
        storage.documents.mark(key) for key in (keys.journal, keys.versions, keys.aliases, keys.states, keys.graves)
    ]
    if any(mark is None for mark in marks):
        return None
    for name in aliases.names(storage, keys):
        marks.append(storage.documents.mark(keys.alias(name)))
    return None if any(mark is None for mark in marks) else " ".join(str(mark) for mark in marks)


def refresh(database: Database, model: ModelStore) -> bool:
    """The catalogue shows the model as it is now; whether that changed anything.

    Raises ``Trouble``, and ``StorageUnavailable`` where the model cannot be read.
    """
    for _ in range(MAX_LOOKS):
        mark = mark_of(model)  # before reading: what changes meanwhile is found the next time
        with database.reading() as connection:
            known = known_of(connection, model)
        rewritten = {version for version, seen in known.marks.items() if _meta_mark(model, version) != seen}
        if mark is not None and mark == known.mark and not rewritten:
            return False
        outcome = _follow(database, model, known, mark, rewritten)
        if outcome is not None:
            return outcome
    raise Trouble(f"{model.title}: others keep changing it")


def _follow(database: Database, model: ModelStore, known: Known, mark: str | None, rewritten: set[str]) -> bool | None:
    """As :func:`refresh`; None: somebody else has written the model meanwhile."""
    with database.reading() as connection, snapshot(connection):
        if known_of(connection, model).turn != known.turn:
            return None
        detail = detail_of(connection, known)
    news = _read_news(model, known)
    anew = news is None  # the journal was replaced, by a backup for example
    news = news or _read_news(model, Known())
    assert news is not None
    if not news.is_any and not model.storage.documents.looks_are_cheap() and known.seq and known.mark != UNSURE:
        return False  # on such a storage no older software changes things without an event
    if (news.is_any or known.mark == UNSURE) and _is_unfinished(model):
        mark = UNSURE
    pointing = dict(_pointing(model))
    present = set(_named(model, model.versions()))
    due = present - detail.rows.keys() - detail.left_out
    due |= present if anew else news.named | rewritten | _moved(detail.pointing, pointing)
    gone = (detail.rows.keys() | detail.left_out) - present
    writer = Writer(database, model, known, detail)
    versions = iter(sorted(due & present))
    while True:
        batch = list(islice(versions, BATCH))
        proven = {version for version in batch if _is_proven(known, detail, news, version, anew=anew)}
        entries = [_read(model, version, pointing, is_proven=version in proven) for version in batch]
        entries = [entry for entry in entries if not _is_left_out_as_before(model, entry, known, detail)]
        if len(batch) == BATCH:
            if not writer.write(entries):
                return None
            continue
        has_moved = dict(detail.pointing) != pointing
        lost = _lost_end(model, news)
        if lost is not None and not model.storage.documents.looks_are_cheap():
            mark = UNSURE  # else nobody would look whether it was put back
        return writer.finish(entries, gone, pointing, news, mark, lost, anew=anew, has_moved=has_moved)


def _lost_end(model: ModelStore, news: News) -> str | None:
    """What lists say of a model whose journal ends before what was read of it shows."""
    if not model.storage.documents.looks_are_cheap() and not model.noticed.beyond(news.seq):
        return None
    return next(iter(evidence.lost_end(model.storage, model.keys, model.journal, model.noticed)), None)


def _read_news(model: ModelStore, known: Known) -> News | None:
    """The events after the last known one; None if that is not in the journal any more.

    An object store is taken at its word, since asking would cost a request for each model.
    """
    looks_back = known.seq > 0 and (model.storage.documents.looks_are_cheap() or known.mark == UNSURE)
    lines = model.journal.lines(known.seq - 1 if looks_back else known.seq)
    events: list[tuple[int, str]] = []
    named: set[str] = set()
    if looks_back:
        seen = next(lines, None)
        if seen is None or digest(seen.raw) != known.head:
            return None
        named |= _versions_of(seen)  # its documents may not have been written when it was seen
    proven: set[str] = set()
    last: Line | None = None
    for line in lines:
        last = line
        if not line.raw:
            continue  # it is lost, as a later event says
        if line.fields is None:
            log.error("%s: event %s is damaged and left out of the catalogue", model.title, line.seq)
            continue
        moment = parse_time(line.get("ts_utc"))
        has_time = moment is not None and moment.year > _BEFORE_ALL_REGISTRIES
        events.append((line.seq, format_time(moment) if has_time and moment is not None else ""))
        named |= _versions_of(line)
        # Nothing seals the package of an adopted version: older software may rewrite it in place.
        if line.is_own and line.get("event") == REGISTER and not line.get("adopted"):
            proven.add(str(line.get("version")))
    seq, head = (last.seq, digest(last.raw)) if last is not None else (known.seq, known.head)
    return News(last is not None, events, frozenset(named), frozenset(proven), seq, head)


def _versions_of(line: Line) -> set[str]:
    return {text for name in ("version", "previous_version") if isinstance(text := line.get(name), str)}


def _is_unfinished(model: ModelStore) -> bool:
    """Whether the last event is not true yet: then the documents are to be looked at again.

    Asked after reading the journal and before the documents.
    """
    try:
        return bool(pending(model))
    except StorageUnavailable as error:
        if not model.storage.failure_is_final(error):
            raise
        return True
    except Exception as error:  # noqa: BLE001 - an event with fields of the wrong kind: `check` names it
        log.error("%s: its last event cannot be understood: %r", model.title, error)
        return False


def _pointing(model: ModelStore) -> Iterator[tuple[str, str]]:
    """(alias, version) of every alias; where its document cannot be read the journal says it."""
    for name in aliases.names(model.storage, model.keys):
        try:
            alias = aliases.read(model.storage, model.keys, name)
        except (PackageCorrupt, StorageUnavailable) as error:
            if isinstance(error, StorageUnavailable) and not model.storage.failure_is_final(error):
                raise
            log.error("%s: %s", escaped(model.title), error.message)
            alias = aliases.replay(model.journal.mentioning(name), name)
        if alias is not None:
            model.noticed.show(model.keys.alias(name), alias.seq)
        if alias is not None and is_unicode(alias.alias) and is_unicode(alias.version):
            yield alias.alias, alias.version


def _named(model: ModelStore, names: Iterable[str]) -> Iterator[str]:
    """The names that a database can hold."""
    for name in names:
        if is_unicode(name):
            yield name
        else:
            log.error("%s@%s is left out of the catalogue: its name is no valid Unicode", model.title, escaped(name))


def _is_proven(known: Known, detail: Detail, news: News, version: str, *, anew: bool) -> bool:
    return version in news.proven or (version in detail.rows and version not in known.marks and not anew)


def _moved(before: Mapping[str, str], now: Mapping[str, str]) -> set[str]:
    """The versions at either end of every alias that is not where it was."""
    sides = ((before.get(alias), now.get(alias)) for alias in before.keys() | now.keys())
    return {version for old, new in sides if old != new for version in (old, new) if version is not None}


def _meta_mark(model: ModelStore, version: str) -> str:
    found = model.storage.documents.mark(f"{model.keys.package(version)}/{META}")
    return UNSURE if found is None else found


def _read(model: ModelStore, version: str, pointing: Mapping[str, str], *, is_proven: bool) -> Entry:
    """The version as it is now, without values if it cannot be read."""
    mark = _meta_mark(model, version)
    try:
        meta = contents.read_meta(model, version)
        named_by = sorted(alias for alias, target in pointing.items() if target == version)
        said = beside(model, version, meta, named_by)
        metrics = dict(stated_metrics.numbers(stated_metrics.of_version(model, version, meta)))
        size_bytes = sum(entry.size_bytes or 0 for entry in contents.files(model, version))
        names = {"task": model.keys.task, "model_name": model.keys.model_name, "version": version}
        # Tags and description count as they are now, not as they were registered.
        own = {key: value for key, value in meta.items() if key not in ("created_at", "tags", "description", *names)}
        created_at = meta.get("created_at")
        tags = {key: tag_text(value) for key, value in said.tags.items()}
        return Entry(
            version=version,
            mark=None if is_proven else mark,
            values={
                **names,
                "version_order": natural_order(version),
                "created_at": created_at if isinstance(created_at, str) and is_unicode(created_at) else "",
                "stage": said.stage,
                "size_bytes": size_bytes,
            },
            meta=compact_json({**{key: value for key, value in meta.items() if key not in _NOT_FREE}, **names}),
            annotations=compact_json(vars(said)),
            metrics={key: value for key, value in metrics.items() if is_filtered(key)},
            tags={key: text for key, text in tags.items() if is_filtered(key) and is_filtered(text)},
            words=words_of([*names.values(), said.tags, said.description, own]),
        )
    except StorageUnavailable as error:
        if not model.storage.failure_is_final(error):
            raise  # the store is away, which says nothing about this version
        return Entry(version, UNSURE, trouble=str(error))
    except Exception as error:  # noqa: BLE001 - nothing in one package may keep the others from the list
        return Entry(version, mark, trouble=str(error))


def _is_left_out_as_before(model: ModelStore, entry: Entry, known: Known, detail: Detail) -> bool:
    """Whether there is nothing to do about the entry, nor to say."""
    if entry.values is not None:
        return False
    if entry.version in detail.left_out and known.marks.get(entry.version) == entry.mark:
        return True
    log.error("%s@%s is left out of the catalogue: %s", model.title, entry.version, entry.trouble)
    return False

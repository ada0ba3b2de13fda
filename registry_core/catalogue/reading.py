"""What the catalogue takes from the registry of one model: its marks, its new events, its aliases, a version.

Nothing here writes. A version that cannot be read is left out and logged; ``check`` names it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..format.chain import Line, Link, chain, why_no_event
from ..format.events import FACTS, REGISTER
from ..format.layout import META, METRICS
from ..format.older import kind_of
from ..models import aliases, evidence, owners, ownership
from ..models.annotation import Annotations, beside, said
from ..models.changes import pending
from ..models.journal import MOVES, OWNER
from ..models.model import ModelStore
from ..models.older import without_stage
from ..models.states import State
from ..packages import contents, stated_metrics
from ..vocabulary.answers import Alias
from ..vocabulary.errors import PackageCorrupt, StorageUnavailable
from ..vocabulary.facts import LOAD, LOADS
from ..vocabulary.owners import Ownership
from ..vocabulary.texts import digest, escaped, format_time, is_unicode, natural_order, parse_object, parse_time
from .search_words import compact_json, is_filtered, tag_text, words_of
from .shown import shown_of
from .values import UNSURE, Entry, Known, Moved, News, Said, Told

log = logging.getLogger(__name__)

MAX_REASON_CHARACTERS = 1000  # that lists show
MOST_SEQ = (1 << 63) - 1  # that SQLite holds
_BEFORE_ALL_REGISTRIES = 1970
_OURS = re.compile(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z")
# What other answers say of a version in these words is the registry's own; free metadata of such a name is in show.
_NOT_FREE = ("package_digest", "package_dir", "package_path")


@dataclass(frozen=True)
class Marks:
    """Key -> mark of each place where something of a model may change; those of which only reading can tell are not
    in it. ``aliases``: their names."""

    marks: Mapping[str, str]
    aliases: Sequence[str]
    are_all: bool

    def changed(self, known: Known, *keys: str) -> bool:
        """Whether one of the keys may be otherwise than when the catalogue looked."""
        return any(key not in self.marks or known.marks.get(key) != self.marks[key] for key in keys)


def marks_of(model: ModelStore) -> Marks:
    """What tells whether the model has changed, without reading it."""
    storage, keys = model.storage, model.keys
    names = aliases.names(storage, keys)
    places = (keys.journal, keys.versions, keys.aliases, keys.states, keys.graves, keys.ownership)
    looked_at = [*places, *map(keys.alias, names)]
    found = {key: mark for key in looked_at if (mark := storage.documents.mark(key)) is not None}
    return Marks(found, names, len(found) == len(looked_at))


def read_news(model: ModelStore, known: Known) -> News | None:
    """The events after the last known one; None if that is not in the journal any more.

    An object store is taken at its word, since asking would cost a request for each model.
    """
    looks_back = known.seq > 0 and (model.storage.documents.looks_are_cheap() or known.is_unsure)
    lines = model.journal.lines(known.seq - 1 if looks_back else known.seq)
    events: list[Told] = []
    named: set[str] = set()
    moved: set[str] = set()
    seen: Line | None = None
    if looks_back:
        seen = next(lines, None)
        if seen is None or digest(seen.raw) != known.head:
            return None
        named |= _versions_of(seen)  # its documents may not have been written when it was seen
        moved |= _aliases_of(seen)
    proven: set[str] = set()
    last: Line | None = None
    owner: Ownership | None = None
    broken: str | None = None
    for link in _linked(model, lines, known, seen):
        last = line = link.line
        if link.faults and broken is None:
            where = f"The journal of {model.title} is damaged at event {line.seq}: {link.faults[0]}."
            broken = escaped(f"{where} An operator should look at it with 'omr check'.")
        if not line.raw:
            continue  # it is lost, as a later event says
        if line.fields is None:
            log.error("%s: event %s is damaged and left out of the catalogue", model.title, line.seq)
            continue
        events.append(_told(line))
        named |= _versions_of(line)
        moved |= _aliases_of(line)
        owner = ownership.after(line) if line.is_own and OWNER in line.fields else owner
        # Nothing seals the package of an adopted version: older software may rewrite it in place.
        if line.is_own and line.get("event") == REGISTER and not line.get("adopted"):
            proven.add(str(line.get("version")))
    seq, head = (last.seq, digest(last.raw)) if last is not None else (known.seq, known.head)
    sets = frozenset(named), frozenset(moved), frozenset(proven)
    return News(last is not None, events, *sets, seq, head, owner, broken)


def _linked(model: ModelStore, lines: Iterator[Line], known: Known, seen: Line | None) -> Iterator[Link]:
    """The lines, each with how it breaks the chain; from the middle on without a look back, only whether it is one."""
    if known.seq == 0 or seen is not None:
        yield from chain(lines, model.keys.names, seen)
    else:
        for line in lines:
            yield Link(line, [why_no_event(line.raw)] if line.raw and line.fields is None else [], None)


def is_intact(model: ModelStore) -> bool:
    """Whether the journal is what was written, as far as it can tell itself."""
    return not any(link.faults for link in model.journal.links(model.keys.names))


def _told(line: Line) -> Told:
    fields = line.fields or {}
    reason = _text(fields.get("reason"))
    return Told(
        seq=line.seq,
        at=_moment(fields.get("ts_utc")),
        event=_text(kind_of(fields)) or "",
        alias=_text(fields.get("alias")),
        version=_text(fields.get("version")),
        previous_version=_text(fields.get("previous_version")),
        actor=_text(fields.get("actor")),
        reason=reason[:MAX_REASON_CHARACTERS] if reason is not None else None,
        said=shown_of(line),
        is_own=line.is_own,
        load=_load(fields) if line.is_own else None,
        unaliased=tuple(dict.fromkeys(name for name in aliases.moves(fields) if name != fields.get("alias"))),
    )


def _load(fields: Mapping[str, Any]) -> str | None:
    facts = fields.get(FACTS)
    load = facts.get(LOAD) if isinstance(facts, dict) else None
    return load if load in LOADS else None


def _text(value: Any) -> str | None:
    """The text in a form that a database can hold; None where it is none."""
    return escaped(value) if isinstance(value, str) else None


def _moment(value: Any) -> str:
    """The moment as we write it; empty where it is none, or nobody's here."""
    moment = parse_time(value)
    if moment is None or moment.year <= _BEFORE_ALL_REGISTRIES:
        return ""
    return str(value) if _OURS.fullmatch(value) else format_time(moment)


def _versions_of(line: Line) -> set[str]:
    return {text for name in ("version", "previous_version") if isinstance(text := line.get(name), str)}


def _aliases_of(line: Line) -> set[str]:
    return set(aliases.moves(line.fields or {}))


def owner_of(model: ModelStore, news: News, *, is_all: bool) -> Ownership:
    """Whose the model is. ``is_all``: the news are all that its journal says."""
    if news.owner is not None:
        return news.owner
    return owners.by_document(model) if is_all else owners.read(model)


def is_unfinished(model: ModelStore) -> bool:
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


def lost_end(model: ModelStore, news: News) -> str | None:
    """What lists say of a model whose journal ends before what was read of it shows."""
    if not model.storage.documents.looks_are_cheap() and not model.noticed.beyond(news.seq):
        return None
    return next(iter(evidence.lost_end(model.storage, model.keys, model.journal, model.noticed)), None)


def read_alias(model: ModelStore, name: str) -> Moved | None:
    """The alias as its document says; where that cannot be read the journal says it."""
    try:
        alias = aliases.read(model.storage, model.keys, name)
    except (PackageCorrupt, StorageUnavailable) as error:
        if isinstance(error, StorageUnavailable) and not model.storage.failure_is_final(error):
            raise
        log.error("%s: %s", escaped(model.title), error.message)
        alias = aliases.left_by(model.journal.newest(MOVES, name), name)
    alias = alias or model.told.alias_gone(name)
    if alias is None:
        return None
    model.noticed.show(model.keys.alias(name), alias.seq)
    return _moved(alias) if is_unicode(alias.version) else None


def _moved(alias: Alias) -> Moved:
    reason = _text(alias.reason)
    shown = reason[:MAX_REASON_CHARACTERS] if reason is not None else None
    seq = alias.seq if alias.seq is None or abs(alias.seq) <= MOST_SEQ else None  # no event has such a number
    return Moved(alias.version, _text(alias.updated_at), _text(alias.actor), shown, seq)


def read_aliases(model: ModelStore, names: Collection[str]) -> dict[str, Moved]:
    """Each alias that is there, and that a database can hold."""
    every = [*names, *(one.alias for one in model.told.missing(names))]
    found = {name: read_alias(model, name) for name in every if is_unicode(name)}
    return {name: alias for name, alias in found.items() if alias is not None}


def by_version(moved: Mapping[str, Moved]) -> dict[str, list[str]]:
    """Version -> the aliases that name it."""
    found: dict[str, list[str]] = {}
    for alias, target in moved.items():
        found.setdefault(target.version, []).append(alias)
    return found


def named(model: ModelStore, names: Iterable[str]) -> Iterator[str]:
    """The names that a database can hold."""
    for name in names:
        if is_unicode(name):
            yield name
        else:
            log.error("%s@%s is left out of the catalogue: its name is no valid Unicode", model.title, escaped(name))


def meta_mark(model: ModelStore, version: str) -> str:
    found = model.storage.documents.mark(f"{model.keys.package(version)}/{META}")
    return UNSURE if found is None else found


def read_version(
    model: ModelStore, version: str, pointing: Iterable[str], *, is_proven: bool, has_state: bool = True
) -> Entry:
    """The version as it is now, without values if it cannot be read. ``has_state`` False: nothing was set about it."""
    mark = None if is_proven else meta_mark(model, version)
    try:
        meta, stated, size_bytes = _package(model, version)
        said = _said(model, version, meta, pointing, has_state)
        metrics = dict(stated_metrics.numbers(stated))
        names = {"task": model.keys.task, "model_name": model.keys.model_name, "version": version}
        created_at = meta.get("created_at")
        return Entry(
            version=version,
            mark=mark,
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
            tags=_tags(said),
            body=_body(names, said, meta),
        )
    except StorageUnavailable as error:
        if not model.storage.failure_is_final(error):
            raise  # the store is away, which says nothing about this version
        return Entry(version, UNSURE, trouble=str(error))
    except Exception as error:  # noqa: BLE001 - nothing in one package may keep the others from the list
        return Entry(version, UNSURE if mark is None else mark, trouble=str(error))


def _package(model: ModelStore, version: str) -> tuple[dict[str, Any], dict[str, Any], int]:
    """(its metadata, the metrics that it states, its bytes)."""
    most = stated_metrics.MAX_METRICS_BYTES + 1
    seen = model.storage.packages.glance(model.keys.package(version), (META, METRICS), most)
    data = seen.files.get(META) if seen is not None else None
    meta = parse_object(data) if data is not None and len(data) < most else None
    if seen is not None and meta is not None:
        return meta, stated_metrics.of_bytes(seen.files.get(METRICS, b""), meta), seen.size_bytes
    meta = contents.read_meta(model, version)
    size_bytes = sum(entry.size_bytes or 0 for entry in contents.files(model, version))
    return meta, stated_metrics.of_version(model, version, meta), size_bytes


def _said(
    model: ModelStore, version: str, meta: Mapping[str, Any], pointing: Iterable[str], has_state: bool
) -> Annotations:
    if has_state:
        return beside(model, version, meta, sorted(pointing))
    return said(State(), sorted(pointing), without_stage(meta, lambda: model.registered(version)))


def read_said(model: ModelStore, version: str, pointing: Iterable[str]) -> Said | Entry:
    """What is said beside the package of a version that the catalogue has, and in which nothing can have changed."""
    try:
        meta = contents.read_meta(model, version)
        said = beside(model, version, meta, sorted(pointing))
        names = {"task": model.keys.task, "model_name": model.keys.model_name, "version": version}
        return Said(version, said.stage, compact_json(vars(said)), _tags(said), _body(names, said, meta))
    except StorageUnavailable as error:
        if not model.storage.failure_is_final(error):
            raise
        return Entry(version, UNSURE, trouble=str(error))
    except Exception as error:  # noqa: BLE001 - as above
        return Entry(version, UNSURE, trouble=str(error))


def _tags(said: Annotations) -> dict[str, str]:
    tags = {key: tag_text(value) for key, value in said.tags.items()}
    return {key: text for key, text in tags.items() if is_filtered(key) and is_filtered(text)}


def _body(names: Mapping[str, str], said: Annotations, meta: Mapping[str, Any]) -> str:
    """The words of the version. Tags and description count as they are now, not as they were registered."""
    own = {key: value for key, value in meta.items() if key not in ("created_at", "tags", "description", *names)}
    return words_of([*names.values(), said.tags, said.description, own])

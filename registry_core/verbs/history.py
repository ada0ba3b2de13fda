"""What happened to a model: its events, by page and by filter."""

from __future__ import annotations

from collections.abc import Mapping

from ..models.model import ModelStore
from ..vocabulary.answers import Event, HistoryPage
from ..vocabulary.errors import InvalidParameter
from ..vocabulary.filters import MAX_LIMIT


def history(model: ModelStore, wanted: Mapping[str, str | None], after: int, limit: int) -> HistoryPage:
    """The events after seq ``after``, oldest first, at most ``limit``; ``wanted``: alias, version, event, or None.

    Raises ``InvalidParameter``.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidParameter(f"limit is from 1 to {MAX_LIMIT}.", field="limit")
    if after < 0:
        raise InvalidParameter("after is the seq of an event, 0 or more.", field="after")
    filters = {name: value for name, value in wanted.items() if value is not None}
    found: list[Event] = []
    for line in model.told.linked(model.journal.links(model.keys.names, after)):
        if line.fields is None:
            continue
        entry = line.event()
        if _is_wanted(entry, filters):
            if len(found) == limit:
                return HistoryPage(found, found[-1].seq, _told(model))
            found.append(entry)
    return HistoryPage(found, None, _told(model))


def _told(model: ModelStore) -> list[str]:
    model.notice_newest()  # nothing else of a history is read beside the journal
    return model.told.warnings(asks=True)


def _is_wanted(event: Event, filters: Mapping[str, str]) -> bool:
    # What removes an alias names no version; it is an event of the one that the alias named.
    version = event.version if event.version is not None else event.previous_version
    has = {"alias": (event.alias, *(event.unaliased or ())), "version": (version,), "event": (event.event,)}
    return all(value in has[name] for name, value in filters.items())

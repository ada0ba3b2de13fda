"""What happened to a model: its events, by page and by filter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import takewhile

from ..format.chain import Line
from ..models.model import ModelStore
from ..models.registry_journal import RegistryJournal
from ..vocabulary.answers import Event, HistoryPage
from ..vocabulary.errors import InvalidParameter
from ..vocabulary.filters import check_limit

READ_AT_ONCE, MOST_LOOKED_AT = 200, 4_000  # lines of the registry's own journal, from its end


def history(model: ModelStore, wanted: Mapping[str, str | None], after: int, limit: int) -> HistoryPage:
    """The events after seq ``after``, oldest first, at most ``limit``; ``wanted``: alias, version, event, or None.

    Raises ``InvalidParameter``.
    """
    lines = model.told.linked(model.journal.links(model.keys.names, after))
    return HistoryPage(*_page(lines, wanted, after, limit), _told(model))


def of_registry(journal: RegistryJournal, wanted: Mapping[str, str | None], after: int, limit: int) -> HistoryPage:
    """As :func:`history`, of the registry's own journal."""
    told: list[str] = []
    return HistoryPage(*_page(_linked(journal, after, told), wanted, after, limit), told)


def newest_of_registry(journal: RegistryJournal, kinds: Collection[str], before: int | None, limit: int) -> HistoryPage:
    """The events of these kinds before seq ``before``, the newest first, of the newest ``MOST_LOOKED_AT`` of all kinds.

    A page may be short and have a ``next``: checkpoints are many. The chain is not looked at. Raises
    ``InvalidParameter``.
    """
    check_limit(limit)
    last = journal.journal.last()
    end = 0 if last is None else last.seq if before is None else min(last.seq, before - 1)
    first = max(0, end - MOST_LOOKED_AT)
    found: list[Event] = []
    while end > first and len(found) <= limit:
        begin = max(first, end - READ_AT_ONCE)
        lines = takewhile(lambda line, end=end: line.seq <= end, journal.journal.lines(begin))  # type: ignore[misc]
        found += reversed([line.event() for line in lines if line.fields and line.get("event") in kinds])
        end = begin
    if len(found) > limit:
        return HistoryPage(found[:limit], found[limit - 1].seq)
    return HistoryPage(found, first + 1 if first else None)


def _linked(journal: RegistryJournal, after: int, told: list[str]) -> Iterator[Line]:
    """The lines of the journal, as they stand there; the first that breaks the chain is told of."""
    for link in journal.journal.links(journal.names(), after):
        if link.faults and not told:
            fault = f"event {link.line.seq}: {link.faults[0]}"
            told.append(f"The journal of {journal.title} is damaged: {fault}. An operator should look at 'omr check'.")
        yield link.line


def _page(
    lines: Iterator[Line], wanted: Mapping[str, str | None], after: int, limit: int
) -> tuple[list[Event], int | None]:
    """(the events that are wanted, the last one's seq where there are more). ``lines`` are read once this is asked."""
    check_limit(limit)
    if after < 0:
        raise InvalidParameter("after is the seq of an event, 0 or more.", field="after")
    filters = {name: value for name, value in wanted.items() if value is not None}
    found: list[Event] = []
    for line in lines:
        if line.fields is None:
            continue
        entry = line.event()
        if _is_wanted(entry, filters):
            if len(found) == limit:
                return found, found[-1].seq
            found.append(entry)
    return found, None


def _told(model: ModelStore) -> list[str]:
    model.notice_newest()  # nothing else of a history is read beside the journal
    return model.told.warnings(asks=True)


def _is_wanted(event: Event, filters: Mapping[str, str]) -> bool:
    # What removes an alias names no version; it is an event of the one that the alias named.
    version = event.version if event.version is not None else event.previous_version
    has = {"alias": (event.alias, *(event.unaliased or ())), "version": (version,), "event": (event.event,)}
    return all(value in has[name] for name, value in filters.items())

"""Questions about what happened: which events, in which order, from where on. ``happened`` answers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..vocabulary.errors import InvalidParameter
from ..vocabulary.filters import check_limit
from ..vocabulary.texts import format_time, is_unicode, printable
from .queries import MAX_FILTERS, fingerprint_of

ORDERS = ("asc", "desc")
LONGEST_WORD = 4096  # as a reason; SQLite gives up on a pattern of 50,000 bytes
# What removes an alias names no version; it is an event of the one that the alias named.
TESTS = {
    "version": "coalesce(e.version, e.previous_version) = ?1",
    "alias": "(e.alias = ?1 OR EXISTS (SELECT 1 FROM unaliased u WHERE u.model_id = e.model_id AND u.alias = ?1"
    " AND u.seq = e.seq))",
    "actor": "e.actor = ?1",
    "event": "e.event = ?1",
    "since": "e.at >= ?1",
    "until": "(e.at < ?1 AND e.at <> '')",
}
_WORDS = ("event", "alias", "version", "previous_version", "reason", "actor")


@dataclass(frozen=True, kw_only=True)
class EventQuery:
    """What is asked for; ``since`` and ``until`` as the catalogue writes moments.

    ``names_nobody``: whoever asks is not told who has done what, so that nothing is found by it either.
    """

    alias: str | None
    version: str | None
    event: str | None
    actor: str | None
    since: str | None
    until: str | None
    q: str | None
    order: str
    limit: int
    names_nobody: bool

    @property
    def is_descending(self) -> bool:
        return self.order == "desc"

    def check(self) -> None:
        """The query makes sense. Raises ``InvalidParameter``."""
        check_limit(self.limit)
        if self.order not in ORDERS:
            raise InvalidParameter(f"order is {' or '.join(ORDERS)}, not {printable(self.order)!r}.", field="order")
        for field in ("alias", "version", "event", "actor", "q"):
            if not is_unicode(getattr(self, field) or ""):
                raise InvalidParameter(f"{field} is no valid Unicode.", field=field)
        if len(self.words()) > MAX_FILTERS:
            raise InvalidParameter(f"q holds more than {MAX_FILTERS} words.", field="q")
        if any(len(word) > LONGEST_WORD for word in self.words()):
            raise InvalidParameter(f"q holds a word of more than {LONGEST_WORD} characters.", field="q")

    def words(self) -> list[str]:
        """What each event that is found has somewhere in it."""
        return list(dict.fromkeys((self.q or "").split()))

    def tests(self, *, but: tuple[str | None, ...] = (), more: tuple[str, ...] = ()) -> tuple[list[str], list[Any]]:
        """(what is true of each event ``e`` that is wanted, the values in it).

        ``but``: what is seen to already. ``more``: columns that are searched for words too.
        """
        found, values = [], []
        for name, test in TESTS.items():
            value = getattr(self, name)
            if value is not None and name not in but:
                found.append(test.replace("?1", "?"))
                values += [value] * test.count("?1")
        columns = [f"e.{name}" for name in _WORDS if name != "actor" or not self.names_nobody]
        text = " || ' ' || ".join(f"coalesce({column}, '')" for column in (*columns, *more))
        for word in self.words():
            found.append(f"({text}) LIKE ? ESCAPE '!'")
            values.append("%" + "".join(f"!{sign}" if sign in "!%_" else sign for sign in word) + "%")
        return found, values

    def fingerprint(self) -> str:
        """Names all of it but the limit, so that a cursor is not used with anything else."""
        parts = (self.alias, self.version, self.event, self.actor, self.since, self.until, self.q)
        return fingerprint_of(*parts, self.order)


def written(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)

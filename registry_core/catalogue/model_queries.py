"""Questions to the list of models: filters, orders, and where a page begins. ``model_list`` answers them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..vocabulary.errors import InvalidParameter
from ..vocabulary.filters import SummaryFilters, check_limit
from ..vocabulary.texts import is_unicode, printable
from .queries import MAX_FILTERS, fact_of, fingerprint_of, make_cursor, match_of, pair, read_cursor, wrong_cursor

LISTED = "(m.seq > 0 OR m.versions > 0)"  # the condition of the indexes too
# Order -> (its column beside the names, the index that has it).
_ORDERS = {
    "name": (None, "model_by_name"),
    "changed_at": ("changed_at", "model_changed"),
    "created_at": ("newest_at", "model_newest"),
    "versions": ("versions", "model_versions"),
    "bytes": ("bytes", "model_bytes"),
}
# Of the newest version the last event that says it counts.
_OF_FACT = (
    "(SELECT e.load FROM event e INDEXED BY event_loads WHERE e.model_id = m.id AND e.load IS NOT NULL AND e.version ="
    " (SELECT v.version FROM version v WHERE v.id = m.newest_id) ORDER BY e.seq DESC LIMIT 1) = ?"
)


@dataclass(frozen=True, kw_only=True)
class SummaryQuery(SummaryFilters):
    """What is asked for, and what it means to the catalogue."""

    def check(self) -> None:
        """The query makes sense. Raises ``InvalidParameter``."""
        check_limit(self.limit)
        if len(self.tag) + len(self.fact) > MAX_FILTERS:
            raise InvalidParameter(f"There are more than {MAX_FILTERS} filters.", field="tag")
        for field in ("task", "alias", "without_alias", "tag", "fact", "q", "sort"):
            value = getattr(self, field)
            for text in (value,) if isinstance(value, str) else value or ():
                if not is_unicode(text):
                    raise InvalidParameter(f"{field} is no valid Unicode.", field=field)
        if self.sort.removeprefix("-") not in _ORDERS:
            raise InvalidParameter(
                f"{printable(self.sort)!r} is no order; sort is {', '.join(_ORDERS)}, with - for descending.",
                field="sort",
            )
        self.conditions()
        self.after()

    def conditions(self) -> tuple[list[str], list[Any]]:
        """(what is true of the model ``m``, the values in it). Raises ``InvalidParameter``."""
        tests, values = [LISTED], []
        if self.task is not None:
            tests.append("m.task = ?" if self.sort.endswith("name") else "+m.task = ?")
            values.append(self.task)
        for alias, has in ((self.alias, "EXISTS"), (self.without_alias, "NOT EXISTS")):
            if alias is not None:
                tests.append(f"{has} (SELECT 1 FROM alias a WHERE a.model_id = m.id AND a.alias = ?)")
                values.append(alias)
        for text in dict.fromkeys(self.tag):
            tests.append("EXISTS (SELECT 1 FROM tag t WHERE t.version_id = m.newest_id AND t.key = ? AND t.value = ?)")
            values += pair("tag", text)
        for text in dict.fromkeys(self.fact):
            tests.append(_OF_FACT)
            values.append(fact_of(text))
        match = match_of(self.q)
        if match is not None:
            tests.append("+m.id IN (SELECT rowid FROM model_words WHERE model_words MATCH ?)" if match else "+m.id < 0")
            values += [match] if match else []
        return tests, values

    def selection(self) -> str:
        """Names the models that pass, in whatever order."""
        return json.dumps([self.task, self.alias, self.without_alias, self.tag, self.fact, match_of(self.q)])

    def _fingerprint(self) -> str:
        return fingerprint_of(self.task, self.alias, self.without_alias, self.tag, *self.fact, self.q, self.sort)

    def order(self) -> tuple[list[str], str, bool]:
        """(its columns, the index that has them, whether it is descending)."""
        column, index = _ORDERS[self.sort.removeprefix("-")]
        return [*([] if column is None else [f"m.{column}"]), "m.task", "m.name"], index, self.sort.startswith("-")

    def after(self) -> list[Any] | None:
        """The order's values of the last model before the cursor, if there is one. Raises ``InvalidParameter``."""
        if self.cursor is None:
            return None
        last = read_cursor(self.cursor, self._fingerprint())
        columns = self.order()[0]
        kinds = [int if column in ("m.versions", "m.bytes") else str for column in columns]
        fits = len(last) == len(kinds) and all(type(one) is kind for one, kind in zip(last, kinds, strict=True))
        if not fits or not all(is_unicode(one) if isinstance(one, str) else abs(one) < 1 << 63 for one in last):
            raise wrong_cursor()
        return last

    def cursor_after(self, last: Sequence[Any]) -> str:
        return make_cursor(self._fingerprint(), *last)

"""A run of the benchmarks, as JSON: what was measured, of which commit, on which machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .tables import Growth, Table, from_dict


@dataclass(frozen=True)
class Section:
    """One benchmark. ``seconds`` is how long it took to measure."""

    name: str
    seconds: float
    tables: Sequence[Table | Growth]


@dataclass(frozen=True)
class Result:
    """``taken`` is the moment, ``load`` the machine's at the beginning and at the end, ``note`` whatever was said."""

    taken: str
    commit: str
    facts: Sequence[str]
    is_quick: bool
    load: tuple[float, float]
    note: str
    sections: Sequence[Section]

    def to_dict(self) -> dict[str, Any]:
        sections = [
            {"name": section.name, "seconds": section.seconds, "tables": [table.to_dict() for table in section.tables]}
            for section in self.sections
        ]
        own = {"taken": self.taken, "commit": self.commit, "facts": list(self.facts), "is_quick": self.is_quick}
        return {**own, "load": list(self.load), "note": self.note, "sections": sections}

    def table(self, section: str, title: str) -> Table | Growth | None:
        """The one of that name, or None."""
        for found in self.sections:
            for table in found.tables:
                if (found.name, table.title) == (section, title):
                    return table
        return None


def result_of(value: Mapping[str, Any]) -> Result:
    """The inverse of ``to_dict``."""
    sections = [
        Section(section["name"], section["seconds"], [from_dict(table) for table in section["tables"]])
        for section in value["sections"]
    ]
    first, last = value["load"]
    return Result(
        value["taken"], value["commit"], value["facts"], value["is_quick"], (first, last), value["note"], sections
    )

"""What a benchmark finds: values, their text, and their form in JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of a table. ``target`` is the most that ``value`` may be; None: it is only reported."""

    what: str
    value: float
    unit: str
    target: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        return None if self.target is None else self.value <= self.target


@dataclass(frozen=True)
class Table:
    """Rows of whatever was measured."""

    title: str
    rows: Sequence[Row]
    remarks: Sequence[str] = ()

    def render(self, *, judge: bool = True) -> str:
        """The table as text, one row a line, with a verdict where there is a target unless ``judge`` is false."""
        cells = [("", "measured", "target", "", "")]
        for row in self.rows:
            target = "" if row.target is None else f"<= {number(row.target)} {row.unit}"
            cells.append((row.what, f"{number(row.value)} {row.unit}", target, verdict(row.is_met, judge), row.note))
        return "\n".join([self.title, *self.remarks, *aligned(cells, left=(0, 2, 3, 4))]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        rows = [{**asdict(row), "is_met": row.is_met} for row in self.rows]
        return {"kind": "rows", "title": self.title, "remarks": list(self.remarks), "rows": rows}


def verdict(is_met: bool | None, judge: bool = True) -> str:
    """In one word; nothing where there is no target."""
    return {None: "", True: "met", False: "MISSED"}[is_met if judge else None]


def number(value: float) -> str:
    """The value with three significant digits or so, never in exponents."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.6f}"


def aligned(cells: Sequence[Sequence[str]], left: Sequence[int]) -> list[str]:
    """Lines whose columns stand below each other; those of ``left`` begin together, the others end together."""
    widths = [max(len(line[n]) for line in cells) for n in range(len(cells[0]))]
    return [
        "  "
        + "  ".join(
            text.ljust(width) if n in left else text.rjust(width)
            for n, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]

"""What a benchmark finds: values, their text, and their form in JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

FLAT_MOST = 1.5  # the largest to the smallest size, where invariant I15 says that a cost does not grow


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


@dataclass(frozen=True)
class Line:
    """One cost at each size. ``is_flat``: it must not grow. ``bare``: the line of the bare tool that does as much.

    It is held to what it was at ``sizes[since]``; ``bounded`` is what may come to that, and is no growth.
    """

    what: str
    values: Sequence[float]
    is_flat: bool = False
    bare: str = ""
    since: int = 0
    bounded: float = 0

    @property
    def ratio(self) -> float:
        """The largest size's cost to the smallest's; 1 where there was none."""
        first, last = self.values[0], self.values[-1]
        return last / first if first else 1.0

    @property
    def is_met(self) -> bool | None:
        most = self.values[self.since] * FLAT_MOST + self.bounded
        return self.values[-1] <= most if self.is_flat else None


@dataclass(frozen=True)
class Growth:
    """Costs over a size that grows, for example CPU of each verb over the events of a model."""

    title: str
    axis: str
    sizes: Sequence[int]
    unit: str
    lines: Sequence[Line]
    remarks: Sequence[str] = ()

    def to_bare(self, line: Line) -> float | None:
        """The largest size's cost to that of the bare tool in the same run."""
        bare = next((found for found in self.lines if found.what == line.bare), None)
        return None if bare is None or not bare.values[-1] else line.values[-1] / bare.values[-1]

    def render(self, *, judge: bool = True) -> str:
        """The table as text, with a mark where a cost grows that must not, unless ``judge`` is false."""
        cells = [(self.axis, *(f"{size:,}" for size in self.sizes), "largest/smallest", "largest/bare", "")]
        for line in self.lines:
            bare = self.to_bare(line)
            values = [number(value) for value in line.values]
            mark = verdict(line.is_met, judge)
            cells.append(
                (line.what, *values, f"{number(line.ratio)} x", "" if bare is None else f"{number(bare)} x", mark)
            )
        text = aligned(cells, left=(0, len(cells[0]) - 1))
        return "\n".join([f"{self.title} ({self.unit})", *self.remarks, *text]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        lines = [{**asdict(line), "ratio": line.ratio, "is_met": line.is_met} for line in self.lines]
        own = {"axis": self.axis, "sizes": list(self.sizes), "unit": self.unit, "lines": lines}
        return {"kind": "growth", "title": self.title, "remarks": list(self.remarks), **own}


def from_dict(value: Mapping[str, Any]) -> Table | Growth:
    """The inverse of ``to_dict`` of either."""
    if value["kind"] == "rows":
        rows = [Row(row["what"], row["value"], row["unit"], row["target"], row["note"]) for row in value["rows"]]
        return Table(value["title"], rows, value["remarks"])
    of_line = [field.name for field in fields(Line)]  # an older run knows some of them
    lines = [Line(**{name: line[name] for name in of_line if name in line}) for line in value["lines"]]
    return Growth(value["title"], value["axis"], value["sizes"], value["unit"], lines, value["remarks"])


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

"""Plots as SVG, text out of values and of nothing else: the same values give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .tables import FLAT_MOST, Growth, Line, Row, Table, number

AFTER, BEFORE, LIMIT, INK, FAINT = "#1f6feb", "#a0a6ad", "#cf222e", "#24292f", "#d8dee4"
PANEL_W, PANEL_H, COLUMNS = 230, 150, 4
LONG_TITLE = 26  # characters
LEFT, TOP, INNER_W, INNER_H = 34, 34, 170, 84
BAR_H, LABEL_W, BARS_W, BARS_SHOWN = 22, 330, 420, 2.0


def growth(table: Growth, before: Growth | None = None) -> str:
    """A panel for each cost: how much dearer than at the smallest size, both axes logarithmic.

    The dashed line is where a cost that must not grow is too dear. ``before`` is drawn in grey.
    """
    lines = [line for line in table.lines if not line.what.startswith("bare")]
    old = {line.what: line for line in before.lines} if before and list(before.sizes) == list(table.sizes) else {}
    everything = [*lines, *(old[line.what] for line in lines if line.what in old)]
    most = max([10.0, *(ratio for line in everything for ratio in _ratios(line))])
    least = min([0.5, *(ratio for line in everything for ratio in _ratios(line) if ratio > 0)])
    panels = [
        _panel(number_, line, old.get(line.what), table.sizes, (least, most)) for number_, line in enumerate(lines)
    ]
    rows = math.ceil(len(lines) / COLUMNS)
    said = f"{table.title}, {table.unit}, relative to {number(table.sizes[0])} {table.axis}"
    return _svg(COLUMNS * PANEL_W, 28 + rows * PANEL_H, said, panels, has_before=bool(old))


def bars(table: Table, before: Table | None = None) -> str:
    """A bar for each value that has a target, as a share of it; the dashed line is the target."""
    rows = [row for row in table.rows if row.target]
    old = {row.what: row for row in before.rows} if before else {}
    parts = []
    for n, row in enumerate(rows):
        y = 34 + n * (2 * BAR_H if old else BAR_H)
        parts.append(_text(LABEL_W - 8, y + 14, row.what, anchor="end"))
        parts += _bar(y, row, AFTER)
        if row.what in old:
            parts += _bar(y + BAR_H - 4, old[row.what], BEFORE)
    height = 44 + len(rows) * (2 * BAR_H if old else BAR_H)
    x = LABEL_W + BARS_W / BARS_SHOWN
    parts.append(_stroke([(x, 28), (x, height - 10)], LIMIT, dashed=True))
    return _svg(LABEL_W + BARS_W + 90, height, f"{table.title}: shares of the target", parts, has_before=bool(old))


def _panel(n: int, line: Line, old: Line | None, sizes: Sequence[int], reach: tuple[float, float]) -> str:
    x0, y0 = (n % COLUMNS) * PANEL_W + LEFT, 28 + (n // COLUMNS) * PANEL_H + TOP
    low, high = math.log(reach[0]), math.log(reach[1])

    def y(ratio: float) -> float:
        return y0 + INNER_H * (1 - (math.log(max(ratio, reach[0])) - low) / (high - low))

    def x(size: float) -> float:
        span = math.log(sizes[-1] / sizes[0]) or 1
        return x0 + INNER_W * math.log(size / sizes[0]) / span

    parts = [_text(x0, y0 - 8, line.what, small=len(line.what) > LONG_TITLE, bold=True)]
    parts += [_stroke([(x0, y(tick)), (x0 + INNER_W, y(tick))], FAINT) for tick in _decades(reach)]
    parts += [_text(x0 - 4, y(tick) + 4, f"{tick:g}", anchor="end", small=True) for tick in _decades(reach)]
    ends = ((sizes[0], "start"), (sizes[-1], "end"))
    parts += [_text(x(size), y0 + INNER_H + 14, f"{size:,}", anchor=anchor, small=True) for size, anchor in ends]
    if line.is_flat:
        parts.append(_stroke([(x0, y(FLAT_MOST)), (x0 + INNER_W, y(FLAT_MOST))], LIMIT, dashed=True))
    for drawn, colour in ((old, BEFORE), (line, AFTER)):
        if drawn is not None:
            points = [(x(size), y(ratio)) for size, ratio in zip(sizes, _ratios(drawn), strict=True)]
            parts.append(_stroke(points, colour, wide=True))
            parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.5" fill="{colour}"/>' for px, py in points]
    return "".join(parts)


def _ratios(line: Line) -> list[float]:
    first = line.values[0]
    return [value / first if first else 1.0 for value in line.values]


def _decades(reach: tuple[float, float]) -> list[float]:
    return [10.0**n for n in range(math.ceil(math.log10(reach[0])), math.floor(math.log10(reach[1])) + 1)]


def _bar(y: float, row: Row, colour: str) -> list[str]:
    share = row.value / row.target if row.target else 0.0
    width = min(share, BARS_SHOWN) * BARS_W / BARS_SHOWN
    more = " →" if share > BARS_SHOWN else ""
    drawn = f'<rect x="{LABEL_W}" y="{y + 3}" width="{max(width, 1):.1f}" height="{BAR_H - 8}" fill="{colour}"/>'
    return [drawn, _text(LABEL_W + width + 6, y + 14, f"{number(row.value)} {row.unit}{more}", small=True)]


def _stroke(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False, wide: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    more = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{2 if wide else 1}"{more}/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", small: bool = False, bold: bool = False) -> str:
    size, weight = (10 if small else 12), (' font-weight="600"' if bold else "")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{INK}"{weight}>'
        f"{escape(text)}</text>"
    )


def _svg(width: float, height: float, title: str, parts: Sequence[str], *, has_before: bool) -> str:
    key = _key(width) if has_before else ""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="sans-serif" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
        _text(8, 18, title, bold=True) + key,
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _key(width: float) -> str:
    return "".join(
        f'<rect x="{width - x}" y="9" width="12" height="10" fill="{colour}"/>'
        + _text(width - x + 16, 18, name, small=True)
        for x, colour, name in ((130, BEFORE, "before"), (66, AFTER, "now"))
    )

"""A line of values within a line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from .drawing import MOST_POINTS, chosen, element, number, within

WIDTH, HEIGHT, EDGE = 88, 22, 4


def spark(values: Sequence[float | None], sentence: str) -> Markup:
    """The values from left to right with a dot on the last one; nothing where none of them is a number."""
    found = [float(value) for value in values if value is not None and math.isfinite(value)]
    if not found:
        return Markup("")
    low, high = min(found), max(found)
    points = [
        (EDGE + (WIDTH - 2 * EDGE) * within(place, 0, len(found) - 1), EDGE + (HEIGHT - 2 * EDGE) * (1 - share))
        for place in chosen(found, most=MOST_POINTS)
        for share in [within(found[place], low, high)]
    ]
    line = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
    x, y = points[-1]
    return element(
        "svg",
        element("path", class_="line", d=line),
        element("circle", cx=number(x), cy=number(y), r="2.5"),
        class_="spark",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=sentence,
    )

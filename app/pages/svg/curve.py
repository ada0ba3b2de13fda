"""Values one after the other, as lines: a metric over versions, or the points of runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from .drawing import (
    MOST_POINTS,
    chosen,
    element,
    image,
    joined,
    link,
    number,
    percent,
    short,
    spread,
    tick_texts,
    ticks,
    unread,
    within,
)

WIDE = 1000  # of the part whose lines stretch; letters and dots do not
TOP, HEIGHT, BELOW = 26, 180, 28
MOST_DOTS = 60  # of a line, beside its marked points
MOST_LINKS = 40
LABEL_PLACES = 12
WIDTH_PX, LETTER_PX, NARROW_PX = 620, 7, 270  # of what labels have to fit into
NOW = "now"


@dataclass(frozen=True)
class Point:
    """One value, None where there is none. ``label`` is read below it, ``words`` by whoever points at it.

    ``mark``: ``now`` or ``was``, for what has a dot of its own. ``x``: where it stands, if not one step after the
    point before.
    """

    value: float | None
    label: str
    words: str = ""
    href: str | None = None
    mark: str = ""
    x: float | None = None


@dataclass(frozen=True)
class _Placed:
    point: Point
    value: float
    x: float
    y: float
    stretch: int  # of points without a gap between them


def curve(lines: Sequence[Sequence[Point]], sentence: str, note: str = "", *, dots: bool = True) -> Markup:
    """The lines in one drawing, each with a class of its own, s1 first; nothing where there is no number at all.

    ``note`` is written beside the point that is marked ``now``. Without ``dots`` only lines are drawn, of at most 300
    points of all lines together.
    """
    found = [_finite(line) for line in lines]
    everything = [placed for line in found for placed in line]
    if not everything:
        return Markup("")
    scale = ticks(min(one.value for one in everything), max(one.value for one in everything))
    first, last = min(one.x for one in everything), max(one.x for one in everything)
    most = max(2, MOST_POINTS // len(found))
    drawn = [
        [
            _Placed(
                one.point,
                one.value,
                within(one.x, first, last),
                TOP + HEIGHT * (1 - within(one.value, scale[0], scale[-1])),
                one.stretch if len(line) <= most else 0,
            )
            for one in (line[place] for place in _chosen(line, most))
        ]
        for line in found
    ]
    inner = [
        _grid(scale),
        _axis(max(drawn, key=len)),
        element(
            "svg",
            *(_line(n, line) for n, line in enumerate(drawn)),
            *(_dots(n, line) for n, line in enumerate(drawn) if dots),
            class_="plot",
            viewBox=f"0 0 {WIDE} {TOP + HEIGHT + BELOW}",
            preserveAspectRatio="none",
            width="100%",
            height="100%",
        ),
        *(_note(one, note) for line in drawn for one in line if note and one.point.mark == NOW),
    ]
    return element("svg", image(sentence, *inner), _links(drawn), class_="curve", height=TOP + HEIGHT + BELOW)


def _finite(line: Sequence[Point]) -> list[_Placed]:
    """The points that have a number."""
    found, gaps = [], 0
    for place, point in enumerate(line):
        x = float(place) if point.x is None else float(point.x)
        if point.value is not None and math.isfinite(point.value) and math.isfinite(x):
            found.append(_Placed(point, float(point.value), x, 0.0, gaps))
        else:
            gaps += 1
    return found


def _chosen(line: list[_Placed], most: int) -> list[int]:
    return chosen([one.value for one in line], [n for n, one in enumerate(line) if one.point.mark], most)


def _grid(scale: list[float]) -> Markup:
    parts = []
    for value, text in zip(scale, tick_texts(scale), strict=True):
        y = number(TOP + HEIGHT * (1 - within(value, scale[0], scale[-1])))
        parts.append(element("line", class_="grid", x1="0", x2="100%", y1=y, y2=y))
        parts.append(element("text", short(text, 9), class_="scale", x="-8", y=y, dy="4"))
    return joined(parts)


def _axis(line: list[_Placed]) -> Markup:
    """What stands below: as many labels as have room, and those of them that a narrow screen has room for."""
    longest = max(len(short(one.point.label, LABEL_PLACES)) for one in line)
    room = longest * LETTER_PX + 16
    places = spread(len(line), max(2, min(9, WIDTH_PX // room)))
    narrow = set(places[:: -max(1, -(-(len(places) - 1) // max(1, NARROW_PX // room - 1)))])
    parts = []
    for place in places:
        one = line[place]
        label = short(one.point.label, LABEL_PLACES)
        is_last = one.x > 0.9 and len(label) > 7
        parts.append(
            element(
                "text",
                label,
                class_="label" + (" end" if is_last else "") + ("" if place in narrow else " wide"),
                x=percent(one.x),
                y=TOP + HEIGHT + 20,
            )
        )
    return joined(parts)


def _line(n: int, line: list[_Placed]) -> Markup:
    """The line through its points, broken where a point without a number lies between two."""
    path = ""
    for _, points in groupby(line, lambda one: one.stretch):
        places = [_at(one) for one in points]
        # A point alone is seen all the same: a stroke without length, with round ends.
        path += "M" + ("L".join(places) if len(places) > 1 else f"{places[0]}h0")
    return element("path", class_=f"line s{n + 1}", d=path)


def _dots(n: int, line: list[_Placed]) -> Markup:
    """The points themselves, as strokes without length: two elements for all that look alike."""
    groups: dict[str, list[_Placed]] = {"": [], "was": [], NOW: []}
    for one in line:
        groups[one.point.mark if one.point.mark in groups else ""].append(one)
    if len(line) > MOST_DOTS:
        groups[""] = []
    parts = []
    for mark, dots in groups.items():
        if dots:
            path = "".join(f"M{_at(one)}h0" for one in dots)
            parts.append(element("path", class_=f"dots s{n + 1} {mark}".rstrip(), d=path))
            if not mark:
                parts.append(element("path", class_="dots hole", d=path))
    return joined(parts)


def _note(one: _Placed, note: str) -> Markup:
    side = " start" if one.x < 0.2 else " end" if one.x > 0.7 else ""
    return element("text", note, class_=f"note{side}", x=percent(one.x), y=number(one.y - 11))


def _links(drawn: list[list[_Placed]]) -> Markup:
    """What says each point to whoever points at it: of many points the marked ones and the last ones."""
    everything = [one for line in drawn for one in line if one.point.words]
    marked = [one for one in everything if one.point.mark][-MOST_LINKS:]
    others = [one for one in everything if not one.point.mark]
    if len(everything) > MOST_LINKS:
        others = others[len(others) - (MOST_LINKS - len(marked)) :]
    return unread(
        *(
            link(
                one.point.href,
                one.point.words,
                element("circle", class_="hit", cx=percent(one.x), cy=number(one.y), r="9"),
            )
            for one in (*others, *marked)
        )
    )


def _at(one: _Placed) -> str:
    return f"{number(one.x * WIDE)} {number(one.y)}"

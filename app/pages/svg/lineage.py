"""What came of what: boxes in columns, with lines from each to what was made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .drawing import element, joined, number, short

BOX_WIDTH, BOX_HEIGHT, GAP, APART, EDGE = 170, 44, 12, 34, 2
TITLE_PLACES, WORDS_PLACES = 19, 26
MOST_OF_A_COLUMN = 8


@dataclass(frozen=True)
class Box:
    """A thing of column ``column``, from the left; ``kind`` is a class, and ``words`` stand below the title."""

    key: str
    column: int
    title: str
    words: str = ""
    href: str | None = None
    kind: str = ""


def lineage(boxes: Sequence[Box], lines: Iterable[tuple[str, str]], sentence: str) -> Markup:
    """The boxes, and lines from key to key; nothing where there are no boxes.

    Of a column with many boxes the first are drawn, and how many more there are. A line whose end is not drawn is
    left out. Its texts and links are read one by one.
    """
    columns: dict[int, list[Box]] = {}
    for box in boxes:
        columns.setdefault(box.column, []).append(box)
    if not columns:
        return Markup("")
    shown_ = {column: _first(column, of_it) for column, of_it in columns.items()}
    height = 2 * EDGE + max(len(of_it) * (BOX_HEIGHT + GAP) - GAP for of_it in shown_.values())
    width = 2 * EDGE + len(columns) * (BOX_WIDTH + APART) - APART
    places: dict[str, tuple[float, float]] = {}
    for n, column in enumerate(sorted(shown_)):
        top = (height - len(shown_[column]) * (BOX_HEIGHT + GAP) + GAP) / 2
        for row, box in enumerate(shown_[column]):
            places.setdefault(box.key, (EDGE + n * (BOX_WIDTH + APART), top + row * (BOX_HEIGHT + GAP)))
    drawn = [
        _line(places[one], places[other])
        for one, other in dict.fromkeys(lines)
        if one in places and other in places and places[one][0] < places[other][0]
    ]
    return element(
        "svg",
        joined(drawn),
        *(_box(box, *places[box.key]) for column in sorted(shown_) for box in shown_[column]),
        class_="lineage",
        viewBox=f"0 0 {width} {number(height)}",
        width=width,
        height=number(height),
        role="group",
        aria_label=sentence,
    )


def _first(column: int, boxes: list[Box]) -> list[Box]:
    unlike = list({box.key: box for box in reversed(boxes)}.values())[::-1]
    if len(unlike) <= MOST_OF_A_COLUMN:
        return unlike
    more = len(unlike) - MOST_OF_A_COLUMN + 1
    return [*unlike[: MOST_OF_A_COLUMN - 1], Box(f"\0{column}", column, f"+{more}", kind="more")]


def _box(box: Box, x: float, y: float) -> Markup:
    title, words = short(box.title, TITLE_PLACES), short(box.words, WORDS_PLACES)
    inner = [
        element("rect", x=number(x), y=number(y), width=BOX_WIDTH, height=BOX_HEIGHT, rx="6"),
        element("text", title, class_="title", x=number(x + 10), y=number(y + (19 if words else 27))),
    ]
    if words:
        inner.append(element("text", words, class_="words", x=number(x + 10), y=number(y + 35)))
    if (title, words) != (box.title, box.words):
        inner.insert(0, element("title", " ".join(part for part in (box.title, box.words) if part)))
    kind = f"box {box.kind}".rstrip()
    return element("g", *inner, class_=kind) if box.href is None else element("a", *inner, class_=kind, href=box.href)


def _line(one: tuple[float, float], other: tuple[float, float]) -> Markup:
    x, y = one[0] + BOX_WIDTH, one[1] + BOX_HEIGHT / 2
    end, end_y = other[0] - 1, other[1] + BOX_HEIGHT / 2
    bend = (x + end) / 2
    curve = f"M{number(x)} {number(y)}C{number(bend)} {number(y)} {number(bend)} {number(end_y)} {number(end)} "
    head = f"{number(end_y)}m-6 -4l6 4l-6 4"
    return element("path", class_="edge", d=curve + head)

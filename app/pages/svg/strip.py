"""What stood from when to when: a row for each alias, a block for each version that it named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from .drawing import MOST_POINTS, element, image, joined, link, number, percent, short, unread, within

WIDE = 1000  # of the part that stretches; letters do not
ROW, GAP, TOP, AXIS = 22, 4, 8, 24
NAME_PLACES = 14
LETTER_PX, WIDE_PX, NARROW_PX = 7, 620, 190  # what a label needs, and the least that a screen has
MOST_LINKS = 60
MOST_TICKS = 12
NARROWEST = 0.0015  # of the whole: blocks that are narrower are drawn as one

EARLIEST, LATEST = -62_000_000_000.0, 253_000_000_000.0  # within what a date can be

_SECONDS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 1200)


@dataclass(frozen=True)
class Block:
    """What a row named, in seconds since 1970; without ``end`` it still does. ``words`` for whoever points at it."""

    start: float
    end: float | None
    label: str
    words: str = ""
    href: str | None = None


@dataclass(frozen=True)
class Row:
    """A row; ``kind`` is a class that gives it its colour. What it named before ``known_from`` is not known here."""

    name: str
    blocks: Sequence[Block]
    kind: str = ""
    known_from: float | None = None


@dataclass(frozen=True)
class _Placed:
    block: Block
    left: float
    right: float


def strip(rows: Sequence[Row], sentence: str, start: float, end: float, at: float | None = None) -> Markup:
    """The rows from ``start`` to ``end``, with a line at ``at``; nothing where there are no rows or there is no time.

    Of a row at most the newest 300 blocks are drawn.
    """
    if not rows or not start < end:
        return Markup("")
    placed = [_placed(row.blocks, start, end) for row in rows]
    height = TOP + len(rows) * (ROW + GAP)
    inner = [_ticks(start, end, height)]
    for n, (row, blocks) in enumerate(zip(rows, placed, strict=True)):
        inner.append(_row(row, blocks, TOP + n * (ROW + GAP), within(row.known_from or start, start, end)))
    if at is not None:
        x = percent(within(at, start, end))
        inner.append(element("line", class_="at", x1=x, x2=x, y1="3", y2=height))
        inner.append(element("circle", class_="at", cx=x, cy="4", r="4"))
    targets = [(TOP + n * (ROW + GAP), one) for n, blocks in enumerate(placed) for one in blocks if one.block.words]
    widest = sorted(targets, key=lambda target: target[1].left - target[1].right)[:MOST_LINKS]
    links = (
        link(one.block.href, one.block.words, _rect("hit", one, y))
        for y, one in sorted(widest, key=lambda target: (target[0], target[1].left))
    )
    return element("svg", image(sentence, *inner), unread(*links), class_="strip", height=height + AXIS)


def _placed(blocks: Sequence[Block], start: float, end: float) -> list[_Placed]:
    newest = sorted(blocks, key=lambda block: block.start)[-MOST_POINTS:]
    found = (
        _Placed(block, within(block.start, start, end), 1.0 if block.end is None else within(block.end, start, end))
        for block in newest
    )
    return [one for one in found if one.left < one.right or one.block.end is None]


def _row(row: Row, blocks: list[_Placed], y: int, known_from: float) -> Markup:
    parts = [element("text", short(row.name, NAME_PLACES), class_="name", x="0", y=y + 15)]
    if known_from > 0:
        parts.append(element("rect", class_="unknown", x="0", y=y, width=percent(known_from), height=ROW))
    if blocks:
        path = "".join(
            f"M{number(left * WIDE)} {y}h{number(max(right - left, NARROWEST) * WIDE)}v{ROW}H{number(left * WIDE)}z"
            for left, right in _merged(blocks)
        )
        drawn = element("path", class_=f"blocks {row.kind}".rstrip(), d=path)
        parts.append(
            element(
                "svg",
                drawn,
                viewBox=f"0 0 {WIDE} 100",
                preserveAspectRatio="none",
                width="100%",
                height="100",
                overflow="visible",
            )
        )
    parts += [_rect(f"stands {row.kind}".rstrip(), one, y) for one in blocks if one.block.end is None]
    parts += [_label(one, y) for one in blocks if _fits(one, WIDE_PX)]
    return joined(parts)


def _rect(kind: str, one: _Placed, y: int) -> Markup:
    return element(
        "rect",
        class_=kind,
        x=percent(one.left),
        y=y,
        width=percent(max(one.right - one.left, NARROWEST)),
        height=ROW,
    )


def _merged(blocks: Iterable[_Placed]) -> list[tuple[float, float]]:
    """The blocks' places; those that are too narrow to be told apart are one."""
    found: list[tuple[float, float]] = []
    for one in blocks:
        if found and one.right - found[-1][0] < NARROWEST and one.left - found[-1][1] < NARROWEST:
            found[-1] = (found[-1][0], one.right)
        else:
            found.append((one.left, one.right))
    return found


def _fits(one: _Placed, width_px: float) -> bool:
    return (one.right - one.left) * width_px >= len(one.block.label) * LETTER_PX + 6


def _label(one: _Placed, y: int) -> Markup:
    return element(
        "text",
        one.block.label,
        class_="label" if _fits(one, NARROW_PX) else "label wide",
        x=percent(one.left),
        dx="6",
        y=y + 15,
    )


def _ticks(start: float, end: float, height: int) -> Markup:
    parts = []
    moments = ticks_of_time(start, end)
    room = max((len(text) for _, text in moments), default=0) * LETTER_PX + 6
    every = max(1, -(-len(moments) * room // NARROW_PX))  # where the screen is narrow
    for n, (moment, text) in enumerate(moments):
        x = percent(within(moment, start, end))
        wide = " wide" if n % every else ""
        parts.append(element("line", class_="grid", x1=x, x2=x, y1=TOP, y2=height))
        if 0.03 < within(moment, start, end) < 0.97:
            parts.append(element("text", text, class_=f"tick{wide}", x=x, y=height + 16))
    return joined(parts)


def ticks_of_time(start: float, end: float) -> list[tuple[float, str]]:
    """(moment, how it is written) of round moments between the two, some twelve at most, in UTC."""
    start, end = max(start, EARLIEST), min(end, LATEST)
    span = end - start
    for step in _SECONDS:
        if span / step <= MOST_TICKS:
            first = int(-(-start // step))
            found = [n * step for n in range(first, first + MOST_TICKS) if n * step <= end]
            return [(float(moment), f"{_date(moment):%H:%M}") for moment in found]
    day = _date(start).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for days in _DAYS:
        if span / (days * 86400) <= MOST_TICKS:
            dates = [day + timedelta(days=days * n) for n in range(MOST_TICKS)]
            return [(date.timestamp(), f"{date:%Y-%m-%d}") for date in dates if date.timestamp() <= end]
    months = next((months for months in _MONTHS if span / (months * 2_629_800) <= MOST_TICKS), _MONTHS[-1])
    first = -(-(day.year * 12 + day.month - 1 + (day.day > 1)) // months) * months
    dates = [_month(first + months * n) for n in range(MOST_TICKS + 1)]
    form = "%Y" if months >= 12 else "%Y-%m"
    return [(date.timestamp(), date.strftime(form)) for date in dates if date.timestamp() <= end]


def _date(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def _month(number_: int) -> datetime:
    return datetime(min(number_ // 12, 9999), number_ % 12 + 1, 1, tzinfo=UTC)

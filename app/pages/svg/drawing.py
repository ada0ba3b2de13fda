"""What all drawings share: elements, short texts, ticks, and which of many points are drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

MOST_POINTS = 300  # of a line that is drawn
_SHORTENED = "…"


def element(name: str, *children: str, **attributes: object) -> Markup:
    """One element. What is no Markup of its children and attributes is escaped; those that are None left out.

    ``class_`` stands for class, and _ in a name for a hyphen.
    """
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child) if isinstance(child, Markup) else escape(shown(child)) for child in children)
    return Markup(f"<{name}{said}>{inner}</{name}>")  # nosec B704


def _escaped(value: object) -> Markup:
    """Once: a sentence that a template has put together is escaped already."""
    return Markup(shown(value)) if isinstance(value, Markup) else escape(shown(str(value)))  # nosec B704


def joined(parts: Iterable[str]) -> Markup:
    """The parts one after the other."""
    return Markup("").join(parts)


def image(sentence: str, *children: str) -> Markup:
    """What is one picture for whoever does not see it, and has this sentence there."""
    return element("g", *children, role="img", aria_label=sentence)


def unread(*children: str) -> Markup:
    """What may be pointed at, and is read elsewhere in the page."""
    return element("g", *children, aria_hidden="true")


def link(href: str | None, words: str, *children: str) -> Markup:
    """The children with these words for whoever points at them; to ``href``, if there is one."""
    said = element("title", words)
    if href is None:
        return element("g", said, *children)
    return element("a", said, *children, href=href, tabindex="-1")


def shown(text: str) -> str:
    """The text without what cannot be sent or seen: half characters, and what controls how the others are shown."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else " " if one.isspace() else "\ufffd" for one in text)


def short(text: str, most: int) -> str:
    """The text in at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + _SHORTENED


def number(value: float) -> str:
    """A coordinate in as few characters as a tenth needs."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def percent(share: float) -> str:
    """A share of the whole width, as a coordinate."""
    return f"{round(100 * share, 2):g}%"


def within(value: float, low: float, high: float) -> float:
    """Where the value lies from ``low`` (0) to ``high`` (1); in the middle where they are one."""
    span = high / 2 - low / 2  # halves, since the whole may be more than a float can be
    return 0.5 if span <= 0 else min(1.0, max(0.0, (value / 2 - low / 2) / span))


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``, 2 or some more, as they ascend."""
    if low == high:
        room = abs(low) * 0.1 or 1.0
        low, high = low - room, high + room
    raw = (high / 2 - low / 2) / (most - 1) * 2
    if not math.isfinite(raw) or raw < 1e-300:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((part * power for part in (1, 2, 2.5, 5, 10) if part * power >= raw), 10 * power)
    first, last = math.floor(low / step), math.ceil(high / step)
    found = sorted({number_ * step for number_ in range(first, last + 1)})
    usable = len(found) > 1 and all(map(math.isfinite, found)) and found[0] <= low and found[-1] >= high
    return found if usable else [low, high]


def tick_texts(values: Sequence[float]) -> list[str]:
    """Each of the values of :func:`ticks` in as many places as tell them apart."""
    most, step = max(map(abs, values)), values[1] - values[0]
    if not math.isfinite(step) or step <= 0 or not 1e-5 <= most < 1e7:
        return [f"{value:.3g}" for value in values]
    places = next((places for places in range(7) if math.isclose(round(step, places), step, rel_tol=1e-6)), 7)
    return [f"{value:,.{places}f}" for value in values]


def chosen(values: Sequence[float], kept: Iterable[int] = (), most: int = MOST_POINTS) -> list[int]:
    """Which of the values are drawn, at most ``most`` of them: both ends, those ``kept``, of each stretch the
    lowest and the highest.

    Of too many that are kept the last count.
    """
    if len(values) <= most:
        return list(range(len(values)))
    wanted = {0, len(values) - 1, *sorted(set(kept))[-(most // 3) :]}
    stretches = (most - len(wanted)) // 2
    for n in range(stretches):
        stretch = range(len(values) * n // stretches, len(values) * (n + 1) // stretches)
        wanted.add(min(stretch, key=values.__getitem__))
        wanted.add(max(stretch, key=values.__getitem__))
    return sorted(wanted)


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` places, the first and the last among them, as evenly as can be."""
    if count <= most:
        return list(range(count))
    if most < 2:
        return [count - 1]
    return sorted({round(n * (count - 1) / (most - 1)) for n in range(most)})

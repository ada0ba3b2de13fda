"""What comes of one requirement, and how it is put into words."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ...attestations.statements_of import Word


@dataclass(frozen=True)
class Outcome:
    """``needed`` and ``found`` are for a person, ``evidence`` are the events that counted."""

    met: bool
    needed: str
    found: str
    evidence: tuple[int, ...] = ()


def damaged(needed: str, seqs: Iterable[int]) -> Outcome:
    """What cannot be read is never guessed."""
    events = ", ".join(map(str, sorted(seqs)))
    found = (
        f"damaged: a document is missing, or is not what its event names (event {events}). Restore it from a backup."
    )
    return Outcome(False, needed, found)


def told(words: Iterable[Word]) -> str:
    """Who said it, and where."""
    return listed((f"{word.person} (event {word.seq})" for word in sorted(words, key=lambda word: word.seq)), "and")


def listed(names: Iterable[str], word: str) -> str:
    """The names in one sentence."""
    *some, last = [*names] or [""]
    return f"{', '.join(some)} {word} {last}" if some else last


def people(by: Collection[str]) -> str:
    """Whom a requirement means."""
    return listed(by, "or") if by else "anybody who is trusted"


def number(value: float) -> str:
    """The number as exactly as it is compared."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))

"""What loading a file may do, from nothing at all to running code that stands in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...vocabulary.facts import CODE, DATA_ONLY, LOADS, NONE, UNREADABLE

__all__ = [
    "CODE",
    "DATA_ONLY",
    "LOADS",
    "NONE",
    "UNREADABLE",
    "Code",
    "FetchFailed",
    "Judged",
    "Odd",
    "PastBound",
    "worst",
]


def worst(loads: Iterable[str]) -> str:
    """The worst of them; none where there are none."""
    return max(loads, key=LOADS.index, default=NONE)


@dataclass(frozen=True)
class Judged:
    """What a file is, read as one format. ``why``: what makes it unreadable or code, in words."""

    format: str
    load: str = NONE
    why: str | None = None


class Odd(Exception):
    """The bytes are not what their format says; ``args[0]`` tells what is wrong."""


class PastBound(Odd):
    """More would have to be read than is read of any file."""


class Code(Exception):
    """Loading the file runs code; ``args[0]`` tells which."""


class FetchFailed(Exception):
    """The bytes could not be got, because of ``error``; it says nothing of the file."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error

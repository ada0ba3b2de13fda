"""Answers of the stream of events, and how far each has looked."""

from __future__ import annotations

from dataclasses import dataclass

from .answers import StreamedEvent, Warned


@dataclass(frozen=True)
class Reached:
    """How far one catalogue was looked through for the stream of events, for whoever goes on; shown to no caller."""

    epoch: str
    position: int


class Streamed(Warned[StreamedEvent]):
    """Events; ``reached``: give it with the next question, so that what may not be seen is passed over once."""

    reached: Reached | None = None

"""What happened: the verbs that tell of events, of one model or of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from .answers import Event, Value


@dataclass(frozen=True)
class ActivityPage(Value):
    """Events of all models."""

    events: list[Event]
    next: Annotated[str | None, "What to send as before for the events that follow, null at the end."]
    warnings: list[str] = field(default_factory=list)

"""The clock of a made-up story: the library writes every event itself, and takes this for the moment of it.

A registry cannot be asked for an event of another moment, and must not be. Whoever makes up a past for a demo can only
have the whole program live in that past, as one would by setting the clock of a machine.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from importlib import import_module


class Clock:
    """What the library takes for now from here on: ``moment``, and a little later at every look."""

    def __init__(self) -> None:
        self.moment = datetime.now().astimezone()
        clock = self

        class Told(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                clock.moment += timedelta(milliseconds=3)
                return clock.moment.astimezone(tz)

        # Only where the time is asked to be written down; what is old enough to be removed is asked elsewhere.
        for name in ("verbs.registration", "verbs.running", "models.journal", "models.runs"):
            import_module(f"registry_core.{name}").datetime = Told  # type: ignore[attr-defined]

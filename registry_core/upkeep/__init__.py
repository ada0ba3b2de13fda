"""The operator's verbs, over the whole root: they report, and what they mend is what the journal says.

``check`` compares and writes nothing, ``planted`` is what it finds that the registry never made; ``sweep`` finishes and
removes what nobody names; ``migrate`` copies, proven; ``adopt`` takes older software's versions over; ``repair`` mends
what it is told to, and records it; ``training_runs`` is what copying and sweeping do with runs.

A module is imported when it is first asked for: a program that reads pays for no change.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import adopt, check, migrate, planted, repair, sweep, training_runs

__all__ = ["adopt", "check", "migrate", "planted", "repair", "sweep", "training_runs"]

if not TYPE_CHECKING:  # a type checker would take any name for a module

    def __getattr__(name: str) -> ModuleType:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module(f".{name}", __name__)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

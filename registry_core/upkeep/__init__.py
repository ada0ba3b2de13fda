"""The operator's verbs, over the whole root: they report, and what they mend is what the journal says.

``check`` compares and writes nothing (``ownership`` is a part of it), ``planted`` is what it finds that the registry
never made; ``sweep`` finishes and removes what nobody names; ``migrate`` copies, proven; ``adopt`` takes older
software's versions over; ``repair`` mends what it is told to, and records it; ``training_runs`` is what copying and
sweeping do with runs, ``attested`` with evidence, ``of_registry`` with what is of the registry itself.

A module is imported when it is first asked for: a program that reads pays for no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..vocabulary.faces import face

if TYPE_CHECKING:
    from . import adopt, attested, check, migrate, of_registry, ownership, planted, repair, sweep, training_runs

__all__ = [
    "adopt",
    "attested",
    "check",
    "migrate",
    "of_registry",
    "ownership",
    "planted",
    "repair",
    "sweep",
    "training_runs",
]

if not TYPE_CHECKING:  # a type checker would take any name for a module
    __getattr__, __dir__ = face(globals(), {name: name for name in __all__})

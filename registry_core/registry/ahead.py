"""All that verbs import when they are first called. A service imports this before it answers: what it runs is of one
release, also when its files are replaced under it, and no first caller waits.
"""

from __future__ import annotations

from ..catalogue import announcements, catalogue, place
from ..models import changes, proof
from ..operations import running as operations
from ..upkeep import adopt, check, migrate, repair, sweep
from ..uploads import sessions
from ..verbs import (
    admission,
    annotating,
    comparison,
    deletion,
    history,
    old_versions,
    promotion,
    registration,
    running,
)
from . import expiry

MODULES = (
    *(announcements, catalogue, place, changes, proof, operations, adopt, check, migrate, repair, sweep, sessions),
    *(admission, annotating, comparison, deletion, history, old_versions, promotion, registration, running, expiry),
)

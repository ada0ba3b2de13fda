"""All that verbs import when they are first called. A service imports this before it answers: what it runs is of one
release, also when its files are replaced under it, and no first caller waits.
"""

from __future__ import annotations

from .. import evidence, upkeep, verbs
from ..access import decisions, held
from ..access import governing as access
from ..access import sessions as signed_in
from ..catalogue import alias_moves, announcements, catalogue, descent, measured, place, version_list
from ..models import asking, changes, proof
from ..operations import running as operations
from ..packages import reading_facts
from ..uploads import sessions, under_way
from . import door, expiry

MODULES = (
    *(
        alias_moves,
        announcements,
        catalogue,
        descent,
        measured,
        place,
        version_list,
        asking,
        changes,
        proof,
        operations,
        reading_facts,
        sessions,
        door,
        expiry,
    ),
    *(access, decisions, held, signed_in, under_way),
    *(getattr(wing, name) for wing in (verbs, upkeep, evidence) for name in wing.__all__),
)
